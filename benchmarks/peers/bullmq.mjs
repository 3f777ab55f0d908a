// BullMQ: a no-op job, its worker (`node bullmq.mjs work`), the producer (`node bullmq.mjs N`).
// It runs in the folder that has its node_modules, where the benchmark copies it.

import { appendFileSync } from "node:fs";

import { Queue, Worker } from "bullmq";
import IORedis from "ioredis";

const connection = new IORedis(process.env.BENCH_SOCKET, { maxRetriesPerRequest: null });
const concurrency = Number(process.env.BENCH_CONCURRENCY ?? 100);
const proof = process.env.BENCH_PROOF;

async function enqueue(count) {
  const queue = new Queue("bench", { connection });
  const options = { removeOnComplete: true };
  for (let first = 0; first < count; first += 1000) {
    const jobs = [];
    for (let number = first; number < Math.min(first + 1000, count); number += 1) {
      jobs.push({ name: "noop", data: { number, email: "ada@example.com" }, opts: options });
    }
    await queue.addBulk(jobs);
  }
  await queue.close();
  await connection.quit();
}

async function run(job) {
  if (proof) {
    appendFileSync(proof, `${job.data.number} ${job.data.email}\n`);
  }
}

function work() {
  new Worker("bench", run, { connection, concurrency });
}

if (process.argv[2] === "work") {
  work();
} else {
  await enqueue(Number(process.argv[2]));
}
