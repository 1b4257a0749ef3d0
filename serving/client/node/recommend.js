// node recommend.js HOST:PORT USER_ID [COUNT [EVENT_TOKEN]]: prints what this person should see.
"use strict";

const { connect, credentials } = require("./recserve");
const { tell } = require("./errors");

async function main([endpoint, userId, count = "10", eventToken = ""]) {
  if (!endpoint || !userId) {
    console.error("usage: node recommend.js HOST:PORT USER_ID [COUNT [EVENT_TOKEN]]");
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
      event_token: eventToken,
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
    tell(error);
    return 1;
  } finally {
    client.close();
  }
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
