// Makes the calls that come as lines of JSON on stdin, and answers each with a
// line: calls.mjs ENDPOINT
import { createInterface } from "node:readline";
import * as iam from "@aws-sdk/client-iam";
import * as s3 from "@aws-sdk/client-s3";
import * as sts from "@aws-sdk/client-sts";

const endpoint = process.argv[2];
const services = {
  iam: (options) => [new iam.IAMClient(options), iam],
  s3: (options) => [new s3.S3Client({ ...options, forcePathStyle: true }), s3],
  sts: (options) => [new sts.STSClient(options), sts],
};

async function answer(call) {
  const [client, module] = services[call.service]({
    endpoint,
    region: "us-east-1",
    maxAttempts: 1,
    credentials: { accessKeyId: call.id, secretAccessKey: call.secret, sessionToken: call.token || undefined },
  });
  try {
    const params = call.operation === "PutObject" ? { Body: "", ...call.params } : { ...call.params }; // an object needs a body here
    const { $metadata, ...result } = await client.send(new module[call.operation + "Command"](params));
    return { status: $metadata.httpStatusCode, result };
  } catch (e) {
    if (!e.$metadata) throw e;
    // what isn't modelled has the code as its name
    return { status: e.$metadata.httpStatusCode, code: e.Code ?? e.name, message: e.message, type: e.name };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
