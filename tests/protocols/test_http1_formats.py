"""JSON replies as JSONP and XML."""

import json
import xml.etree.ElementTree as Xml
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionhero.codec import encode_json
from actionhero.errors import MalformedError
from actionhero.protocols.http1_formats import Format, read_format, reshape, write_xml
from actionhero.protocols.http1_replies import NO_TYPE, PROBLEM_TYPE, Answer

HEADER = '<?xml version="1.0" encoding="utf-8"?>\n'


@pytest.mark.parametrize("name", ["f", "$", "_a1", "jQuery183_12", "a.b.$c"])
def test_callbacks_that_are_names(name: str) -> None:
    assert read_format({"callback": name}) == Format(name)
    assert read_format({"callback": ["x", name]}) == Format(name)


@pytest.mark.parametrize(
    "name",
    [
        "alert(1)//",
        "a;b",
        "a b",
        "a.",
        ".a",
        "1a",
        "a[0]",
        "<script>",
        "a\n",
        "a\u2028",
        "é",
        "a" * 129,
        "a-b",
        "*/x",
    ],
)
def test_callbacks_that_are_code(name: str) -> None:
    with pytest.raises(MalformedError, match="callback"):
        read_format({"callback": name})


def test_what_asks_for_nothing() -> None:
    for params in ({}, {"callback": ""}, {"callback": 5, "outputType": []}, {"outputType": "json"}):
        assert read_format(params) == Format()
    assert read_format({"outputType": "XmL"}) == Format(is_xml=True)


def test_a_call() -> None:
    answer = reshape(Answer(404, '{"a":"ä\u2028😀</script>"}'.encode()), Format("f.g", is_xml=True))
    assert (answer.status, answer.content_type) == (404, "application/javascript")
    assert answer.body == rb'f.g({"a":"\u00e4\u2028\ud83d\ude00</script>"});'


def test_what_is_not_json_stays() -> None:
    for kind in ("text/plain", "image/png", NO_TYPE):
        answer = Answer(200, b"{}", kind)
        assert reshape(answer, Format("f")) is answer
        assert reshape(answer, Format(is_xml=True)) is answer
    answer = Answer(200, b"{}")
    assert reshape(answer, Format()) is answer
    answer = reshape(Answer(400, b'{"a":1}', PROBLEM_TYPE), Format(is_xml=True))
    assert (answer.status, answer.content_type) == (400, "application/xml")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({}, "<XML></XML>"),
        ({"a": 1, "b": 1.5, "c": True}, "<XML><a>1</a><b>1.5</b><c>true</c></XML>"),
        ({"a": None}, "<XML><a></a></XML>"),
        ({"a": ["x", ["y", "z"], {}]}, "<XML><a>x</a><a>y</a><a>z</a><a></a></XML>"),
        ({"a": {"b": "<&>\"'"}}, "<XML><a><b>&lt;&amp;&gt;&quot;&#39;</b></a></XML>"),
        ([1, 2], "<XML><data>1</data><data>2</data></XML>"),
        ("x", "<XML>x</XML>"),
        ({"a b": 1, "1": 2, "": 3, "<x/>": 4, "Xmlish": 5, "ä": 6},
         "<XML><a_b>1</a_b><_1>2</_1><_>3</_><_x__>4</_x__><_Xmlish>5</_Xmlish><_>6</_></XML>"),
        ({"a": "\x00\x1f\ufffe\t"}, "<XML><a>\ufffd\ufffd\ufffd\t</a></XML>"),
    ],
)  # fmt: skip
def test_xml(value: Any, wanted: str) -> None:
    assert write_xml(value) == HEADER + wanted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_every_value_is_xml_and_a_call(value: Any) -> None:
    answer = Answer(200, encode_json(value))
    Xml.fromstring(reshape(answer, Format(is_xml=True)).body)
    called = reshape(answer, Format("f")).body
    assert called.isascii()
    assert json.loads(called[2:-2]) == json.loads(answer.body)
