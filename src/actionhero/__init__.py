"""One typed async function serves every transport."""
