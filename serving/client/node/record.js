// node record.js HOST:PORT USER_ID ITEM_ID [KIND]: tells that this person just did so, prints the event token.
"use strict";

const { randomUUID } = require("node:crypto");
const { connect, credentials } = require("./recserve");
const { tell } = require("./errors");

async function main([endpoint, userId, itemId, kind = "purchase"]) {
  if (!endpoint || !userId || !itemId) {
    console.error("usage: node record.js HOST:PORT USER_ID ITEM_ID [KIND]");
    return 2;
  }
  const client = connect(endpoint, credentials.createInsecure());
  try {
    const { server_time: now } = await client.GetStatus({});
    const { recorded_count: recorded, event_token: token } = await client.RecordEvents({
      events: [
        { event_id: randomUUID(), user_id: userId, item_id: itemId, kind, event_time: now },
      ],
      consent: { personalization: true, logging: true },
    });
    console.error(`recorded ${recorded}`);
    console.log(token);
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
