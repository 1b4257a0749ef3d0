// node recommend.js HOST:PORT USER_ID [COUNT]: prints what this person should see.
"use strict";

const { connect, credentials } = require("./recserve");

async function main([endpoint, userId, count = "10"]) {
  if (!endpoint || !userId) {
    console.error("usage: node recommend.js HOST:PORT USER_ID [COUNT]");
    return 2;
  }
  const client = connect(endpoint, credentials.createInsecure());
  try {
    const status = await client.GetStatus({});
    const { items, answer } = await client.Recommend({
      user_id: userId,
      surface: status.surfaces[0],
      page_size: Number(count),
      consent: { personalization: true, logging: true },
    });
    for (const { item_id: itemId, score, sources } of items) {
      const names = sources.map((source) => source.replace("CANDIDATE_SOURCE_", "").toLowerCase());
      console.log([itemId, score?.toFixed(4) ?? "-", names.join(" ")].join("\t"));
    }
    for (const { stage, reason, action } of answer.degradations) {
      console.error(`${stage}: ${reason}, ${action}`);
    }
    return 0;
  } catch (error) {
    console.error(`${error.codeName ?? error.name}: ${error.message}`);
    for (const { field, description } of error.violations ?? []) {
      console.error(`  ${field}: ${description}`);
    }
    return 1;
  } finally {
    client.close();
  }
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
