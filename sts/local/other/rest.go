package other

import (
	"net/http"
	"strings"
	"unicode"
)

// restXML are the services whose REST protocol speaks XML, S3 aside.
var restXML = map[string]bool{"cloudfront": true, "route53": true}

// restExceptions are operations whose names don't follow from method and path
// (API references of Lambda, EKS, OpenSearch Service and Route 53).
var restExceptions = map[string]string{
	"lambda POST invocations":           "InvokeFunction",
	"lambda POST invoke-async":          "InvokeAsync",
	"lambda PUT code":                   "UpdateFunctionCode",
	"lambda PUT configuration":          "UpdateFunctionConfiguration",
	"eks GET clusters/":                 "DescribeCluster",
	"eks GET node-groups/":              "DescribeNodegroup",
	"es GET domain/":                    "DescribeDomain",
	"route53 GET hostedzone":            "ListHostedZones",
	"route53 POST hostedzone":           "CreateHostedZone",
	"route53 GET hostedzone/":           "GetHostedZone",
	"route53 DELETE hostedzone/":        "DeleteHostedZone",
	"route53 GET rrset":                 "ListResourceRecordSets",
	"route53 POST rrset":                "ChangeResourceRecordSets",
	"lambda GET policy":                 "GetPolicy",
	"lambda POST policy":                "AddPermission",
	"lambda POST event-source-mappings": "CreateEventSourceMapping",
}

// restOperation names the operation of a REST call: the method gives the verb,
// the path the noun. "GET /2015-03-31/functions" is ListFunctions, the same
// with a name behind it GetFunction. Segments that are versions don't count.
func restOperation(service, method string, path []string) string {
	for len(path) > 0 && isVersion(path[0]) {
		path = path[1:]
	}
	if len(path) == 0 {
		return ""
	}
	member := len(path)%2 == 0 // collection, name, collection, name…
	noun := path[len(path)-1]
	key := noun
	if member {
		noun = path[len(path)-2]
		key = noun + "/"
	}
	if name, ok := restExceptions[service+" "+method+" "+key]; ok {
		return name
	}
	one := singular(camel(noun))
	switch method {
	case http.MethodGet, http.MethodHead:
		if member {
			return "Get" + one
		}
		return "List" + camel(noun)
	case http.MethodPost:
		if member {
			return "Update" + one
		}
		return "Create" + one
	case http.MethodPut:
		return "Put" + one
	case http.MethodPatch:
		return "Update" + one
	case http.MethodDelete:
		return "Delete" + one
	}
	return ""
}

// isVersion tells whether a segment is a version: 2015-03-31, v1, v20180820.
func isVersion(segment string) bool {
	digits := strings.TrimPrefix(segment, "v")
	return digits != "" && strings.Trim(digits, "0123456789-._") == ""
}

// camel writes "event-source-mappings" as "EventSourceMappings".
func camel(segment string) string {
	var b strings.Builder
	upper := true
	for _, r := range segment {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			upper = true
			continue
		}
		if upper {
			r = unicode.ToUpper(r)
		}
		upper = false
		b.WriteRune(r)
	}
	return b.String()
}

func singular(noun string) string {
	switch {
	case strings.HasSuffix(noun, "ies"):
		return strings.TrimSuffix(noun, "ies") + "y"
	case strings.HasSuffix(noun, "ss"), strings.HasSuffix(noun, "us"):
		return noun
	}
	return strings.TrimSuffix(noun, "s")
}
