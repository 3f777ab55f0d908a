// BullMQ: a no-op job, its worker (`node bullmq.mjs work`), the producer (`node bullmq.mjs COUNT
// [EVERY]`). What the variables of the environment ask for is said in noop.py.
// It runs in the folder that has its node_modules, where the benchmark copies it.

import { appendFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

import { Queue, Worker } from "bullmq";
import IORedis from "ioredis";

const connection = new IORedis(process.env.BENCH_SOCKET, { maxRetriesPerRequest: null });
const concurrency = Number(process.env.BENCH_CONCURRENCY ?? 100);
const proof = process.env.BENCH_PROOF;
const trace = process.env.BENCH_TRACE;
const milliseconds = Number(process.env.BENCH_SECONDS ?? 0) * 1000;
const lease = 10000;
const safe = process.env.BENCH_SAFE
  ? { lockDuration: lease, stalledInterval: lease, maxStalledCount: 3 }
  : {};

async function enqueue(queue, begin, count) {
  const options = { removeOnComplete: true };
  for (let first = begin; first < begin + count; first += 1000) {
    const jobs = [];
    for (let number = first; number < Math.min(first + 1000, begin + count); number += 1) {
      jobs.push({ name: "noop", data: { number, email: "ada@example.com" }, opts: options });
    }
    await queue.addBulk(jobs);
  }
}

async function produce(count, every) {
  const queue = new Queue("bench", { connection });
  await enqueue(queue, 0, count);
  for (let number = count; every; number += 1) {
    await setTimeout(every * 1000);
    await enqueue(queue, number, 1);
  }
  await queue.close();
  await connection.quit();
}

function note(what, number) {
  appendFileSync(trace, `${what} ${number} ${process.pid} ${(Date.now() / 1000).toFixed(6)}\n`);
}

async function run(job) {
  if (job.name === "tick") {
    note("tick", 0);
  } else if (trace) {
    note("start", job.data.number);
    await setTimeout(milliseconds);
    note("end", job.data.number);
  } else if (proof) {
    appendFileSync(proof, `${job.data.number} ${job.data.email}\n`);
  }
}

async function work() {
  if (process.env.BENCH_PERIODIC) {
    const queue = new Queue("bench", { connection });
    await queue.upsertJobScheduler("tick", { every: 1000 }, { name: "tick" });
  }
  new Worker("bench", run, { connection, concurrency, ...safe });
}

if (process.argv[2] === "work") {
  await work();
} else {
  await produce(Number(process.argv[2]), Number(process.argv[3] ?? 0));
}
