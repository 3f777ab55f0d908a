exports.DEFAULT = {
  routes: () => ({
    get: [{ path: "/hello", action: "hello" }],
    post: [{ path: "/register", action: "register" }],
  }),
};
