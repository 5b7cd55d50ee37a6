// Founds the replica set and the product's own user, once; running it again changes nothing.
const root = `mongodb://root:${encodeURIComponent(process.env.MONGODB_ROOT_PASSWORD)}@mongodb:27017/`;
const admin = new Mongo(`${root}?authSource=admin&directConnection=true`).getDB("admin");

const status = (() => {
  try {
    return admin.runCommand({ replSetGetStatus: 1 });
  } catch (refusal) {
    return { code: refusal.code };
  }
})();
if (status.code === 94) {
  admin.runCommand({ replSetInitiate: { _id: "rs0", members: [{ _id: 0, host: "mongodb:27017" }] } });
}

const deadline = Date.now() + 60_000;
while (!admin.hello().isWritablePrimary) {
  if (Date.now() > deadline) {
    print("The replica set has no primary after 60 s.");
    quit(1);
  }
  sleep(200);
}

const roles = ["wallet", "wallet_sandbox"].flatMap((db) => [
  { role: "readWrite", db },
  { role: "dbAdmin", db },
]);
const pwd = process.env.MONGODB_WALLET_PASSWORD;
if (admin.getUser("wallet")) {
  admin.updateUser("wallet", { pwd, roles });
} else {
  admin.createUser({ user: "wallet", pwd, roles });
}
