// ActionHero 29: the same two replies. It runs with the folder of its node_modules in NODE_PATH.
// It has no Redis: an action of these asks it for nothing, and its mock is in the same process.

const path = require("path");

process.env.NODE_ENV = "production"; // replies without padding and metadata
process.env.ACTIONHERO_CONFIG = path.join(__dirname, "config");
process.env.PORT = process.argv[2];

const { Process } = require("actionhero");

new Process().start();
