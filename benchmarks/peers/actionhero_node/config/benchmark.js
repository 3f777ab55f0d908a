const path = require("path");

const konstructor = require("ioredis-mock");

const client = () => ({ konstructor, args: [{}], buildNew: true });

exports.DEFAULT = {
  general: () => ({ paths: { action: [path.join(__dirname, "..", "actions")], log: [] } }),
  logger: () => ({ loggers: [] }),
  redis: () => ({ _toExpand: false, client: client(), subscriber: client(), tasks: client() }),
  web: () => ({ formOptions: { multiples: true } }), // else a list is cut to its last item
  tasks: () => ({ scheduler: false, queues: [], minTaskProcessors: 0, maxTaskProcessors: 0 }),
};
