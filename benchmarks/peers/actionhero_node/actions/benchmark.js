const { Action } = require("actionhero");

const isText = (value) => {
  if (typeof value !== "string") throw new Error("is not a text");
};

exports.Hello = class extends Action {
  constructor() {
    super();
    this.name = this.description = "hello";
    this.inputs = { name: { required: true, validator: isText } };
  }

  async run({ params }) {
    return { greeting: `Hello, ${params.name}.` };
  }
};

exports.Register = class extends Action {
  constructor() {
    super();
    this.name = this.description = "register";
    this.inputs = {
      name: { required: true, validator: isText },
      age: {
        required: true,
        validator: (value) => {
          if (!Number.isInteger(value)) throw new Error("is not a whole number");
        },
      },
      email: { required: true, validator: isText },
      tags: { required: true, validator: (value) => value.forEach(isText) },
    };
  }

  async run({ params: { name, age, email, tags } }) {
    return { name, age, email, tags: tags.length };
  }
};
