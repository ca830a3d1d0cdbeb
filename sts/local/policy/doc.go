// Package policy reads, checks, prints and evaluates IAM JSON policies.
//
// A policy is parsed once into a compiled [Document]; [Evaluate] then decides
// a [Request] against any number of documents and says which statement of
// which policy decided. The package knows the policy language only: it makes
// no requests, stores nothing, authenticates nobody and reads no clock. The
// caller says who asks, under which context, and which policies apply. A
// decision gives the end of AWS's access-denied sentence ([Decision.Reason])
// and tells on request how it came about ([Decision.Explain]).
//
// [Document.Validate] refuses what IAM, STS or S3 would refuse to store, in
// their words; [Message] gives those for a text that doesn't even parse.
//
// Sources, by the names used in comments:
//
//   - Grammar: IAM User Guide, "Grammar of the IAM JSON policy language".
//   - Operators: IAM User Guide, "IAM JSON policy elements: Condition operators".
//   - Variables: IAM User Guide, "IAM policy elements: Variables and tags".
//   - Evaluation: IAM User Guide, "Policy evaluation logic".
//   - Denials: IAM User Guide, "Troubleshoot access denied error messages".
//   - Captures: answers of the live service recorded in September 2026 by the
//     public project stackd; observations rather than promises.
package policy
