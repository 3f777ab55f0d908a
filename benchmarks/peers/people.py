"""The typed body of the POST and its reply, for peers that leave decoding to the program."""
# mypy: ignore-errors

import msgspec


class Person(msgspec.Struct):
    """The typed body of the POST."""

    name: str
    age: int
    email: str
    tags: list[str]


decode_person = msgspec.json.Decoder(Person).decode
encode = msgspec.json.Encoder().encode


def summarise(person: Person) -> dict[str, str | int]:
    """The reply of the POST."""
    return {
        "name": person.name,
        "age": person.age,
        "email": person.email,
        "tags": len(person.tags),
    }
