"""Makes the calls that come as lines of JSON on stdin, and answers each with a
line: calls.py ENDPOINT"""

import json
import sys

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint = sys.argv[1]


def answer(call):
    client = boto3.session.Session().client(
        call["service"],
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=call["id"],
        aws_secret_access_key=call["secret"],
        aws_session_token=call["token"] or None,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    try:
        result = getattr(client, xform_name(call["operation"]))(**call["params"])
    except ClientError as e:
        return {
            "status": e.response["ResponseMetadata"]["HTTPStatusCode"],
            "code": e.response["Error"]["Code"],
            "message": e.response["Error"]["Message"],
            "type": type(e).__name__,
        }
    status = result.pop("ResponseMetadata")["HTTPStatusCode"]
    return {"status": status, "result": result}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line)), default=str), flush=True)
