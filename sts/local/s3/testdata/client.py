# Drives the S3 of the local AWS through boto3. Its arguments are the endpoint,
# an administrator's access key and secret, and those of the account's root
# user with the serial of its MFA device and three codes that are good now.
# The last line is "done".
import hashlib
import sys
import urllib.error
import urllib.request

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, key, secret, root_key, root_secret, serial = sys.argv[1:7]
codes = iter(sys.argv[7:])


def client(key, secret, **config):
    return boto3.client("s3", endpoint_url=endpoint, region_name="eu-west-1", aws_access_key_id=key,
                        aws_secret_access_key=secret, config=Config(retries={"max_attempts": 1}, signature_version="s3v4", **config))


s3, root = client(key, secret), client(root_key, root_secret)


def refused(status, code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as e:
        got = (e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Code"])
        assert got == (status, code), (got, (status, code), e)
        return e.response
    raise AssertionError("%s %s was expected of %s" % (status, code, arguments))


def content(**arguments):
    return s3.get_object(**arguments)["Body"].read()


def buckets():
    refused(400, "InvalidBucketName", s3.create_bucket, Bucket="Account-A-bucket",
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.create_bucket(Bucket="boto", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    refused(409, "BucketAlreadyOwnedByYou", s3.create_bucket, Bucket="boto",
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert "boto" in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket="boto")["LocationConstraint"] == "eu-west-1"
    assert s3.head_bucket(Bucket="boto")["ResponseMetadata"]["HTTPStatusCode"] == 200
    refused(404, "404", s3.head_bucket, Bucket="nothing-here")
    refused(404, "NoSuchBucket", s3.list_objects_v2, Bucket="nothing-here")
    refused(404, "NoSuchBucketPolicy", s3.get_bucket_policy, Bucket="boto")
    refused(501, "NotImplemented", s3.put_bucket_accelerate_configuration, Bucket="boto", AccelerateConfiguration={"Status": "Enabled"})


def settings():
    """What a bucket has that has none of it."""
    for code, call in {
        "NoSuchCORSConfiguration": s3.get_bucket_cors,
        "NoSuchLifecycleConfiguration": s3.get_bucket_lifecycle_configuration,
        "NoSuchPublicAccessBlockConfiguration": s3.get_public_access_block,
        "NoSuchTagSet": s3.get_bucket_tagging,
        "NoSuchWebsiteConfiguration": s3.get_bucket_website,
        "ObjectLockConfigurationNotFoundError": s3.get_object_lock_configuration,
        "ReplicationConfigurationNotFoundError": s3.get_bucket_replication,
    }.items():
        refused(404, code, call, Bucket="boto")
    for call in [s3.get_bucket_accelerate_configuration, s3.get_bucket_logging, s3.get_bucket_notification_configuration]:
        answer = call(Bucket="boto")
        del answer["ResponseMetadata"]
        assert answer == {}, answer
    assert s3.get_bucket_request_payment(Bucket="boto")["Payer"] == "BucketOwner"
    assert s3.get_bucket_ownership_controls(Bucket="boto")["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert s3.get_bucket_encryption(Bucket="boto")["ServerSideEncryptionConfiguration"] == {
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]}
    s3.put_object(Bucket="boto", Key="k", Body=b"")
    owner = s3.list_buckets()["Owner"]["ID"]
    for acl in [s3.get_bucket_acl(Bucket="boto"), s3.get_object_acl(Bucket="boto", Key="k")]:
        assert acl["Owner"]["ID"] == owner
        assert acl["Grants"] == [{"Grantee": {"ID": owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}], acl
    refused(404, "NoSuchKey", s3.get_object_acl, Bucket="boto", Key="nothing")


def tags():
    def set(**tags):
        return [{"Key": k, "Value": v} for k, v in tags.items()]

    def of(key, **named):
        return s3.get_object_tagging(Bucket="boto", Key=key, **named)["TagSet"]
    s3.put_bucket_tagging(Bucket="boto", Tagging={"TagSet": set(team="red", a="é")})
    assert s3.get_bucket_tagging(Bucket="boto")["TagSet"] == set(a="é", team="red")
    s3.delete_bucket_tagging(Bucket="boto")
    refused(404, "NoSuchTagSet", s3.get_bucket_tagging, Bucket="boto")
    s3.put_object(Bucket="boto", Key="tagged", Body=b"x", Tagging="b=2&a=1+%2B&c")
    assert of("tagged") == set(a="1 +", b="2", c="")
    assert s3.head_object(Bucket="boto", Key="tagged")["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"] == "3"
    s3.copy_object(Bucket="boto", Key="copied", CopySource="boto/tagged", MetadataDirective="REPLACE", Metadata={})
    assert of("copied") == of("tagged")
    s3.copy_object(Bucket="boto", Key="copied", CopySource="boto/tagged", TaggingDirective="REPLACE", Tagging="d=4")
    assert of("copied") == set(d="4")
    s3.put_object_tagging(Bucket="boto", Key="copied", Tagging={"TagSet": set(e="5")})
    assert of("copied") == set(e="5") and content(Bucket="boto", Key="copied") == b"x"
    s3.delete_object_tagging(Bucket="boto", Key="copied")
    assert of("copied") == []
    u = s3.create_multipart_upload(Bucket="boto", Key="uploaded", Tagging="f=6")
    named = {"Bucket": "boto", "Key": "uploaded", "UploadId": u["UploadId"]}
    part = s3.upload_part(PartNumber=1, Body=b"x", **named)
    s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}, **named)
    assert of("uploaded") == set(f="6")
    refused(404, "NoSuchKey", s3.put_object_tagging, Bucket="boto", Key="nothing", Tagging={"TagSet": []})
    many = {"t%d" % n: "" for n in range(51)}
    refused(400, "BadRequest", s3.put_bucket_tagging, Bucket="boto", Tagging={"TagSet": set(**many)})
    refused(400, "BadRequest", s3.put_object_tagging, Bucket="boto", Key="tagged", Tagging={"TagSet": set(**many)})
    for bad in [set(**{"aws:x": "1"}), set(**{"k" * 129: ""}), set(k="v" * 257), set(k="#"), set(k="1") + set(k="2")]:
        refused(400, "InvalidTag", s3.put_object_tagging, Bucket="boto", Key="tagged", Tagging={"TagSet": bad})
    refused(400, "InvalidArgument", s3.put_object, Bucket="boto", Key="tagged", Tagging="TagSet=[{Key=string,Value=string}]")
    refused(400, "InvalidArgument", s3.put_object, Bucket="boto", Key="tagged", Tagging="a=1&a=2")
    assert of("tagged") == set(a="1 +", b="2", c="")


def objects():
    put = s3.put_object(Bucket="boto", Key="a b/é+%2F.txt", Body=b"hello, world", ContentType="text/plain",
                        Metadata={"colour": "blue"}, CacheControl="no-store")
    assert put["ETag"] == '"%s"' % hashlib.md5(b"hello, world").hexdigest(), put
    got = s3.get_object(Bucket="boto", Key="a b/é+%2F.txt")
    assert got["Body"].read() == b"hello, world" and got["ContentType"] == "text/plain"
    assert got["Metadata"] == {"colour": "blue"} and got["CacheControl"] == "no-store"
    head = s3.head_object(Bucket="boto", Key="a b/é+%2F.txt")
    assert head["ContentLength"] == 12 and head["ETag"] == put["ETag"]
    for spec, want in {"bytes=0-4": b"hello", "bytes=7-": b"world", "bytes=-5": b"world", "bytes=11-99": b"d"}.items():
        part = s3.get_object(Bucket="boto", Key="a b/é+%2F.txt", Range=spec)
        assert part["Body"].read() == want and part["ResponseMetadata"]["HTTPStatusCode"] == 206, spec
    refused(416, "InvalidRange", s3.get_object, Bucket="boto", Key="a b/é+%2F.txt", Range="bytes=12-")
    refused(304, "304", s3.get_object, Bucket="boto", Key="a b/é+%2F.txt", IfNoneMatch=put["ETag"])
    refused(412, "PreconditionFailed", s3.get_object, Bucket="boto", Key="a b/é+%2F.txt", IfMatch='"0"')
    refused(404, "NoSuchKey", s3.get_object, Bucket="boto", Key="nothing")
    refused(404, "404", s3.head_object, Bucket="boto", Key="nothing")
    s3.copy_object(Bucket="boto", Key="copy", CopySource={"Bucket": "boto", "Key": "a b/é+%2F.txt"})
    assert s3.head_object(Bucket="boto", Key="copy")["Metadata"] == {"colour": "blue"}
    s3.copy_object(Bucket="boto", Key="copy", CopySource="boto/copy", MetadataDirective="REPLACE", Metadata={"colour": "red"})
    assert s3.head_object(Bucket="boto", Key="copy")["Metadata"] == {"colour": "red"}
    refused(400, "InvalidRequest", s3.copy_object, Bucket="boto", Key="copy", CopySource="boto/copy")
    s3.put_object(Bucket="boto", Key="empty", Body=b"")
    assert content(Bucket="boto", Key="empty") == b""
    for algorithm in ["CRC32", "SHA1", "SHA256"]:
        answer = s3.put_object(Bucket="boto", Key="sum", Body=b"summed", ChecksumAlgorithm=algorithm)
        got = s3.get_object(Bucket="boto", Key="sum", ChecksumMode="ENABLED")
        assert got["Body"].read() == b"summed"
        assert got["Checksum" + algorithm] == answer["Checksum" + algorithm], (algorithm, got)
    refused(400, "BadDigest", s3.put_object, Bucket="boto", Key="sum", Body=b"summed", ChecksumSHA256="A" * 43 + "=")
    refused(400, "BadDigest", s3.put_object, Bucket="boto", Key="sum", Body=b"summed", ContentMD5="A" * 22 + "==")
    assert s3.get_object_tagging(Bucket="boto", Key="sum")["TagSet"] == []


def lists():
    keys = ["list/%s/%03d" % (d, n) for d in "ab&" for n in range(20)] + ["list/a", "list/é"]
    for k in keys:
        s3.put_object(Bucket="boto", Key=k, Body=b"")
    for operation in ["list_objects", "list_objects_v2", "list_object_versions"]:
        seen = []
        for page in s3.get_paginator(operation).paginate(Bucket="boto", Prefix="list/", PaginationConfig={"PageSize": 7}):
            assert len(page.get("Contents", []) + page.get("Versions", [])) <= 7
            seen += [o["Key"] for o in page.get("Contents", []) + page.get("Versions", [])]
        assert seen == sorted(keys, key=str.encode), (operation, seen)
        contents, prefixes = [], []
        for page in s3.get_paginator(operation).paginate(Bucket="boto", Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 2}):
            contents += [o["Key"] for o in page.get("Contents", []) + page.get("Versions", [])]
            prefixes += [p["Prefix"] for p in page.get("CommonPrefixes", [])]
        assert contents == ["list/a", "list/é"] and prefixes == ["list/&/", "list/a/", "list/b/"], (operation, contents, prefixes)
    assert s3.list_objects_v2(Bucket="boto", Prefix="list/", StartAfter="list/b/018")["KeyCount"] == 2
    answer = s3.delete_objects(Bucket="boto", Delete={"Objects": [{"Key": k} for k in keys + ["nothing"]]})
    assert len(answer["Deleted"]) == len(keys) + 1, answer
    assert s3.list_objects_v2(Bucket="boto", Prefix="list/")["KeyCount"] == 0


def uploads():
    size = 5 << 20
    u = s3.create_multipart_upload(Bucket="boto", Key="parts", ContentType="x/y")
    named = {"Bucket": "boto", "Key": "parts", "UploadId": u["UploadId"]}
    one = s3.upload_part(PartNumber=1, Body=b"1" * size, **named)
    s3.put_object(Bucket="boto", Key="source", Body=b"0123456789" * (size // 10 + 1))
    two = s3.upload_part_copy(PartNumber=7, CopySource="boto/source", CopySourceRange="bytes=10-%d" % (size + 9 - 10), **named)
    listed = s3.list_parts(**named)
    assert [(p["PartNumber"], p["ETag"]) for p in listed["Parts"]] == [(1, one["ETag"]), (7, two["CopyPartResult"]["ETag"])]
    assert [x["UploadId"] for x in s3.list_multipart_uploads(Bucket="boto")["Uploads"]] == [u["UploadId"]]
    def parts(*list):
        return {"Parts": [{"PartNumber": n, "ETag": e} for n, e in list]}
    a, b = (1, one["ETag"]), (7, two["CopyPartResult"]["ETag"])
    refused(400, "InvalidPartOrder", s3.complete_multipart_upload, MultipartUpload=parts(b, a), **named)
    refused(400, "InvalidPart", s3.complete_multipart_upload, MultipartUpload=parts(a, (2, one["ETag"])), **named)
    done = s3.complete_multipart_upload(MultipartUpload=parts(a, b), **named)
    assert done["ETag"].endswith('-2"'), done
    assert content(Bucket="boto", Key="parts", Range="bytes=%d-%d" % (size - 2, size + 1)) == b"1101"
    assert len(content(Bucket="boto", Key="parts")) == 2 * size - 10
    again = s3.complete_multipart_upload(MultipartUpload=parts(a, b), **named)
    assert again["ETag"] == done["ETag"] and again["Location"] == done["Location"], again
    refused(404, "NoSuchUpload", s3.complete_multipart_upload, MultipartUpload=parts(a), **named)
    refused(404, "NoSuchUpload", s3.list_parts, **named)
    s3.delete_object(Bucket="boto", Key="parts")
    refused(404, "NoSuchUpload", s3.complete_multipart_upload, MultipartUpload=parts(a, b), **named)
    s3.put_object(Bucket="boto", Key="parts", Body=b"")
    refused(404, "NoSuchUpload", s3.complete_multipart_upload, MultipartUpload=parts(a, b), **named)
    u = s3.create_multipart_upload(Bucket="boto", Key="given-up")
    s3.abort_multipart_upload(Bucket="boto", Key="given-up", UploadId=u["UploadId"])
    refused(404, "NoSuchUpload", s3.list_parts, Bucket="boto", Key="given-up", UploadId=u["UploadId"])
    refused(400, "InvalidArgument", s3.upload_part, Bucket="boto", Key="parts", PartNumber=10001, UploadId="x", Body=b"")


def presigned():
    arguments = {"Bucket": "boto", "Key": "pre signed?&=+"}
    url = s3.generate_presigned_url("put_object", Params=arguments, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(url, data=b"signed before", method="PUT"))
    url = s3.generate_presigned_url("get_object", Params=dict(arguments, ResponseContentType="text/x"), ExpiresIn=60)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"signed before" and answer.headers["Content-Type"] == "text/x"
    for bad in [url.replace("signed", "signet", 1), url + "&x=y", endpoint + "/boto/copy"]:
        try:
            urllib.request.urlopen(bad)
            raise AssertionError("opened " + bad)
        except urllib.error.HTTPError as e:
            assert e.code == 403, (e.code, bad)


def outdated():
    """Signature Version 2, which S3 takes no more: in the header, and in the URLs that this boto3 makes where it isn't told."""
    old = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret,
                       config=Config(retries={"max_attempts": 1}, signature_version="s3"))
    told = refused(400, "InvalidRequest", old.list_buckets)["Error"]["Message"]
    assert told == "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.", told
    url = old.generate_presigned_url("get_object", Params={"Bucket": "boto", "Key": "copy"}, ExpiresIn=60)
    assert "AWSAccessKeyId=" in url, url
    try:
        urllib.request.urlopen(url)
        raise AssertionError("opened " + url)
    except urllib.error.HTTPError as e:
        answer = e.read().decode()
        assert e.code == 400 and "<Code>InvalidRequest</Code><Message>" + told in answer, (e.code, answer)


def versions():
    s3.create_bucket(Bucket="versions", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    first = s3.put_object(Bucket="versions", Key="k", Body=b"null")
    assert "VersionId" not in first
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="versions")["Status"] == "Enabled"
    v1 = s3.put_object(Bucket="versions", Key="k", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket="versions", Key="k")
    assert marker["DeleteMarker"]
    refused(404, "NoSuchKey", s3.get_object, Bucket="versions", Key="k")
    refused(405, "MethodNotAllowed", s3.get_object, Bucket="versions", Key="k", VersionId=marker["VersionId"])
    refused(404, "NoSuchVersion", s3.get_object, Bucket="versions", Key="k", VersionId="n" * 32)
    refused(400, "InvalidArgument", s3.get_object, Bucket="versions", Key="k", VersionId="none")
    refused(400, "400", s3.head_object, Bucket="versions", Key="k", VersionId="none")
    many = s3.delete_objects(Bucket="versions", Delete={"Objects": [{"Key": "k", "VersionId": "none"}]})
    assert [(e["Key"], e["Code"]) for e in many["Errors"]] == [("k", "NoSuchVersion")] and "Deleted" not in many
    assert content(Bucket="versions", Key="k", VersionId=v1) == b"1"
    assert content(Bucket="versions", Key="k", VersionId="null") == b"null"
    listed = s3.list_object_versions(Bucket="versions")
    assert [v["VersionId"] for v in listed["Versions"]] == [v1, "null"] and len(listed["DeleteMarkers"]) == 1
    refused(409, "BucketNotEmpty", s3.delete_bucket, Bucket="versions")
    s3.delete_object(Bucket="versions", Key="k", VersionId=marker["VersionId"])
    assert content(Bucket="versions", Key="k") == b"1"
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Suspended"})
    assert s3.put_object(Bucket="versions", Key="k", Body=b"new null")["VersionId"] == "null"
    assert len(s3.list_object_versions(Bucket="versions")["Versions"]) == 2


def mfa_delete():
    on = {"Bucket": "versions", "VersioningConfiguration": {"Status": "Enabled", "MFADelete": "Enabled"}}
    refused(403, "AccessDenied", root.put_bucket_versioning, **on)
    refused(400, "InvalidArgument", root.put_bucket_versioning, MFA="123456", **on)
    refused(403, "AccessDenied", s3.put_bucket_versioning, MFA=serial + " 123456", **on)
    root.put_bucket_versioning(MFA=serial + " " + next(codes), **on)
    assert s3.get_bucket_versioning(Bucket="versions")["MFADelete"] == "Enabled"
    version = s3.put_object(Bucket="versions", Key="kept", Body=b"kept")["VersionId"]
    refused(403, "AccessDenied", s3.delete_object, Bucket="versions", Key="kept", VersionId=version)
    refused(403, "AccessDenied", root.delete_object, Bucket="versions", Key="kept", VersionId=version)
    assert s3.delete_object(Bucket="versions", Key="kept")["DeleteMarker"]
    refused(403, "AccessDenied", s3.delete_objects, Bucket="versions",
            Delete={"Objects": [{"Key": "other"}, {"Key": "kept", "VersionId": version}]})
    root.delete_object(Bucket="versions", Key="kept", VersionId=version, MFA=serial + " " + next(codes))
    refused(404, "NoSuchVersion", s3.get_object, Bucket="versions", Key="kept", VersionId=version)
    left = s3.list_object_versions(Bucket="versions")
    everything = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in left.get("Versions", []) + left.get("DeleteMarkers", [])]
    gone = root.delete_objects(Bucket="versions", Delete={"Objects": everything}, MFA=serial + " " + next(codes))
    assert len(gone["Deleted"]) == len(everything) and "Errors" not in gone, gone
    refused(403, "AccessDenied", s3.delete_bucket, Bucket="versions")
    root.delete_bucket(Bucket="versions")


def transfer():
    from boto3.s3.transfer import TransferConfig
    import io
    body = bytes(range(256)) * 65536  # 16 MiB
    small = TransferConfig(multipart_threshold=6 << 20, multipart_chunksize=6 << 20)
    s3.upload_fileobj(io.BytesIO(body), "boto", "large", Config=small)
    out = io.BytesIO()
    s3.download_fileobj("boto", "large", out, Config=small)
    assert out.getvalue() == body
    s3.copy({"Bucket": "boto", "Key": "large"}, "boto", "larger", Config=small)
    assert content(Bucket="boto", Key="larger") == body


for step in [buckets, settings, tags, objects, lists, uploads, presigned, outdated, versions, mfa_delete, transfer]:
    step()
    print(step.__name__)
print("boto3", boto3.__version__, file=sys.stderr)
print("done")
