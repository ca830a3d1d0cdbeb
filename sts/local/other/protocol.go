package other

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"

	"github.com/fob-auth/fob/sts/local/query"
)

// A Protocol is the way in which a service speaks.
type Protocol int

// The protocols.
const (
	Query    Protocol = iota // forms in, XML out
	EC2                      // the same with errors of its own
	JSON                     // X-Amz-Target, application/x-amz-json-1.x
	RESTJSON                 // method and path, JSON
	RESTXML                  // method and path, XML
)

// wording is a code of IAM and STS in the words of another protocol; status 0
// and message "" stay as they are.
type wording struct {
	code    string
	status  int
	message string
}

const invalidToken = "The security token included in the request is invalid."

// jsonWords are the common errors of services that speak JSON (DynamoDB
// Developer Guide, "Error handling"; Lambda API reference, "Common errors").
var jsonWords = map[string]wording{
	"AccessDenied":               {code: "AccessDeniedException"},
	"ExpiredToken":               {code: "ExpiredTokenException"},
	"IncompleteSignature":        {code: "IncompleteSignatureException"},
	"InvalidClientTokenId":       {code: "UnrecognizedClientException", message: invalidToken},
	"MissingAuthenticationToken": {code: "MissingAuthenticationTokenException"},
	"NotImplemented":             {code: "NotImplementedException"},
	"SignatureDoesNotMatch":      {code: "InvalidSignatureException"},
	"InvalidAction":              {code: "UnknownOperationException"},
}

// ec2Words are EC2's (Amazon EC2 API reference, "Error codes").
var ec2Words = map[string]wording{
	"AccessDenied":               {code: "UnauthorizedOperation"},
	"ExpiredToken":               {code: "RequestExpired", status: http.StatusBadRequest, message: "Request has expired."},
	"IncompleteSignature":        ec2AuthFailure,
	"InvalidClientTokenId":       ec2AuthFailure,
	"SignatureDoesNotMatch":      ec2AuthFailure,
	"MissingAuthenticationToken": {code: "MissingParameter", status: http.StatusBadRequest, message: "The request must contain the parameter AWSAccessKeyId"},
}

var ec2AuthFailure = wording{code: "AuthFailure", status: http.StatusUnauthorized,
	message: "AWS was not able to validate the provided access credentials"}

// Reword puts a refusal in the words of the call's service.
func (c Call) Reword(e *query.Error) *query.Error {
	words := map[string]wording{}
	switch c.Protocol {
	case EC2:
		words = ec2Words
	case JSON, RESTJSON:
		words = jsonWords
	}
	to := *e
	if w, ok := words[e.Code]; ok {
		to.Code = w.code
		if w.status != 0 {
			to.Status = w.status
		}
		if w.message != "" {
			to.Message = w.message
		}
	}
	if c.Service == "sns" && to.Code == "AccessDenied" { // SNS API reference
		to.Code = "AuthorizationError"
	}
	if c.Protocol == JSON && to.Status < http.StatusInternalServerError {
		to.Status = http.StatusBadRequest // all of this protocol's are
	}
	return &to
}

// WriteError answers with the refusal in the protocol's shape, which
// [Call.Reword] has worded.
func (c Call) WriteError(w http.ResponseWriter, requestID string, e *query.Error) error {
	var kind string
	var body []byte
	var err error
	switch c.Protocol {
	case JSON, RESTJSON:
		kind = c.jsonKind()
		w.Header().Set("X-Amzn-Errortype", e.Code)
		body, err = json.Marshal(struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}{e.Code, e.Message})
	case EC2:
		kind = "text/xml;charset=UTF-8"
		body, err = xml.Marshal(struct {
			XMLName   xml.Name `xml:"Response"`
			Code      string   `xml:"Errors>Error>Code"`
			Message   string   `xml:"Errors>Error>Message"`
			RequestID string   `xml:"RequestID"`
		}{Code: e.Code, Message: e.Message, RequestID: requestID})
	default:
		return query.WriteError(w, query.Service{Name: c.Service, Namespace: c.namespace()}, requestID, e)
	}
	if err != nil {
		return fmt.Errorf("error answer: %w", err)
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	_, _ = w.Write(body) // a client that is gone needs no answer
	return nil
}

// jsonKind is the Content-Type of an answer in JSON: of the two versions of the
// protocol the one that the request speaks (Smithy, "AWS JSON protocol").
func (c Call) jsonKind() string {
	const v1, v11 = "application/x-amz-json-1.0", "application/x-amz-json-1.1"
	switch {
	case c.Protocol == RESTJSON:
		return "application/json"
	case c.kind == v11:
		return v11
	}
	return v1
}

// namespaces are those of services, up to the version, that have others than
// http://SERVICE.amazonaws.com/doc/ (service models, xmlNamespace; the API
// references of CloudFront and Route 53).
var namespaces = map[string]string{
	"cloudwatch":       "http://monitoring.amazonaws.com/doc/",
	"elasticbeanstalk": "http://elasticbeanstalk.amazonaws.com/docs/",
	"route53":          "https://route53.amazonaws.com/doc/",
	"sqs":              "http://queue.amazonaws.com/doc/",
}

// namespace is that of the service's XML, "" where the request doesn't say in
// which version it wants it.
func (c Call) namespace() string {
	version := c.form["Version"]
	if c.Protocol == RESTXML && len(c.path) > 0 {
		version = c.path[0]
	}
	if !isVersion(version) {
		return ""
	}
	prefix, ok := namespaces[c.Service]
	if !ok {
		prefix = "http://" + c.Service + ".amazonaws.com/doc/"
	}
	return prefix + version + "/"
}
