// Shards the product's collections by book, and gives books their shards. Run it against a mongos, once the product has
// started for the first time and made its collections; running it again changes nothing that is so already.
//
//   mongosh "$WALLET_MONGODB_URI" --file deploy/sharding.js
//   BOOKS='{"acme": "shard01", "inbox": "shard00"}' mongosh "$WALLET_MONGODB_URI" --file deploy/sharding.js
//
// BOOKS names each book's home. All collections of a book have one home, so that a batch commits on one shard. A book
// that has none lives wherever its chunks happen to be: right, but each batch may then need two shards to agree. So does
// the commit that announces a chain send: the treasury's nonces and inputs are the book "chains", whoever's coins leave.
// Webhooks are kept in `inbox`, which is not sharded: the home of the book "inbox" is the database's primary shard.
const database = process.env.WALLET_MONGODB_DATABASE || "wallet";
const homes = JSON.parse(process.env.BOOKS || "{}");

// Every _id in these begins with its book and a slash. `users`, `inbox` and `sweeps` stay unsharded: small, or short-lived, and
// looked up by what vendors call them.
const collections = [
  "accounts",
  "transactions",
  "ledger_entries",
  "holds",
  "remainders",
  "limit_windows",
  "owners",
  "account_acts",
  "transaction_acts",
  "streams",
  "blocks",
  "cases",
  "sagas",
  "effects",
  "saga_events",
  "watches",
  "treasury_nonces",
  "treasury_returned_nonces",
  "treasury_inputs",
  "quotes",
  "bank_links",
  "payees",
  "recipients",
  "crypto_addresses",
  "crypto_address_counters",
  "cards",
  "card_authorizations",
  "audit",
  "audit_heads",
  "proposals",
  "movements",
  "monitor_cursors",
  "notifications",
  "feeds",
  "notification_endpoints",
  "deliveries",
];

for (const [book, shard] of Object.entries(homes)) {
  const zone = `home-${shard}`;
  sh.addShardToZone(shard, zone);
  for (const collection of collections) {
    // "0" follows "/", so this range is the book and nothing else.
    sh.updateZoneKeyRange(`${database}.${collection}`, { _id: `${book}/` }, { _id: `${book}0` }, zone);
  }
}

// Zones first: an empty collection is then split and placed along them at once, instead of being moved later.
for (const collection of collections) {
  sh.shardCollection(`${database}.${collection}`, { _id: 1 });
}
