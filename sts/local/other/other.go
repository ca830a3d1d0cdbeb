// Package other reads calls of AWS services that the local AWS doesn't serve,
// so that they can be authorised all the same: which protocol a request
// speaks, which action it asks for and on which resources, and how that
// protocol words a refusal (Smithy, "AWS protocols"). It knows no service
// whole: actions and resources are read by general rules, with the exceptions
// that policies on DynamoDB, EC2, Lambda, SNS and SQS are mostly about.
package other

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/fob-auth/fob/sts/local/query"
)

// A Call is what a request asks of a service.
type Call struct {
	Protocol Protocol
	// Service is its prefix in policies: "cloudwatch" for requests that are
	// signed for "monitoring".
	Service string
	// Operation is the action without the prefix; "" where none can be read.
	Operation string
	// DryRun asks whether the call would be allowed, and no more (EC2).
	DryRun bool

	kind   string // the Content-Type, without parameters
	path   []string
	form   query.Form
	object map[string]any // the body of a JSON protocol
}

// prefixes are the services that policies call by another name than
// signatures do (Service Authorization Reference).
var prefixes = map[string]string{
	"monitoring": "cloudwatch",
	"email":      "ses",
	"tagging":    "tag",
}

// Read reads a request that is signed for a service, with its body. What it
// can't read is missing in the Call: authentication comes before any
// complaint.
func Read(r *http.Request, body []byte, service string) Call {
	c := Call{Service: service, path: strings.FieldsFunc(r.URL.Path, func(r rune) bool { return r == '/' })}
	if prefix, ok := prefixes[service]; ok {
		c.Service = prefix
	}
	c.kind, _, _ = mime.ParseMediaType(r.Header.Get("Content-Type")) // "" is of no protocol's
	target := r.Header.Get("X-Amz-Target")
	switch {
	case target != "":
		c.Protocol = JSON
		c.Operation = target[strings.LastIndexByte(target, '.')+1:]
	case query.IsForm(r):
		c.Protocol = Query
		if service == "ec2" {
			c.Protocol = EC2
		}
		c.form, _ = query.ParseForm(r.URL.RawQuery, body)
		c.Operation, c.DryRun = c.form["Action"], c.form["DryRun"] == "true"
	case restXML[service]:
		c.Protocol = RESTXML
		c.Operation = restOperation(c.Service, r.Method, c.path)
	default:
		c.Protocol = RESTJSON
		c.Operation = restOperation(c.Service, r.Method, c.path)
	}
	if c.form == nil && len(body) > 0 {
		_ = json.Unmarshal(body, &c.object) // a body without resources is one
	}
	return c
}

// Action is the action as policies write it.
func (c Call) Action() string { return c.Service + ":" + c.Operation }
