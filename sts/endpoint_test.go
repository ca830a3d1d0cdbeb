package sts

import (
	"errors"
	"strings"
	"testing"
)

func TestEndpointValidate(t *testing.T) {
	for _, test := range []struct {
		e    Endpoint
		want string // what the error says; "" for a good one
	}{
		{Endpoint{}, ""},
		{Endpoint{Region: "eu-central-1"}, ""},
		{Endpoint{Region: "us-gov-west-1"}, ""},
		{Endpoint{URL: "https://sts.eu-west-1.amazonaws.com"}, ""},
		{Endpoint{URL: "https://aws.example:8443/base"}, ""},
		{Endpoint{URL: "http://127.0.0.1:4566"}, ""},
		{Endpoint{URL: "http://127.8.9.10"}, ""},
		{Endpoint{URL: "http://[::1]:4566"}, ""},
		{Endpoint{URL: "http://localhost:4566", Region: "eu-west-1"}, ""},
		{Endpoint{URL: "http://aws.example"}, "plain text"},
		{Endpoint{URL: "http://127.0.0.1.example"}, "plain text"},
		{Endpoint{URL: "http://localhost.example"}, "plain text"},
		{Endpoint{URL: "http://10.0.0.1"}, "plain text"},
		{Endpoint{URL: "http://169.254.169.254"}, "plain text"},
		{Endpoint{URL: "http://0x7f000001"}, "plain text"},
		{Endpoint{URL: "http://[::ffff:10.0.0.1]"}, "plain text"},
		{Endpoint{URL: "127.0.0.1:4566"}, "URL"},
		{Endpoint{URL: "aws.example"}, "https://"},
		{Endpoint{URL: "unix:///run/x"}, "https://"},
		{Endpoint{URL: "https://"}, "no host"},
		{Endpoint{URL: "https:aws.example"}, "no host"},
		{Endpoint{URL: "https://carol:hunter2@aws.example"}, "user or password"},
		{Endpoint{URL: "https://aws.example/?a=b"}, "query"},
		{Endpoint{URL: "https://aws.example/#x"}, "query or fragment"},
		{Endpoint{URL: "https://carol:hunter2@aws.example:port"}, "isn't a URL"},
		{Endpoint{Region: "eu-west-1.evil.example/"}, "region"},
		{Endpoint{Region: "EU"}, "region"},
		{Endpoint{Region: "-x"}, "region"},
		{Endpoint{Region: strings.Repeat("a", 64)}, "region"},
	} {
		err := test.e.Validate()
		var bad *EndpointError
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%+v: %v", test.e, err)
		case test.want != "" && (!errors.As(err, &bad) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%+v: %v, want an *EndpointError that says %q", test.e, err, test.want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%v shows the password", err)
		}
	}
}

func TestEndpointName(t *testing.T) {
	for e, want := range map[Endpoint]string{
		{}: "aws", {Region: "eu-west-1"}: "aws", {Region: "us-gov-east-1"}: "aws-us-gov", {Region: "cn-north-1"}: "aws-cn",
		{Region: "us-iso-east-1"}: "aws-iso", {Region: "us-isob-east-1"}: "aws-iso-b", {Region: "eu-isoe-west-1"}: "aws-iso-e",
		{Region: "us-isof-south-1"}: "aws-iso-f", {Region: "eusc-de-east-1"}: "aws-eusc", {Region: "us-east-1"}: "aws",
		{URL: "http://127.0.0.1:1", Region: "cn-north-1"}: "http://127.0.0.1:1",
	} {
		if got := e.Name(); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}
