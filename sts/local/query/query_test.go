package query

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, body string) Form {
	t.Helper()
	f, err := ParseForm("", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// code is the code of a refusal, "" for none.
func code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// TestIntegers are the forms that were captured at AWS.
func TestIntegers(t *testing.T) {
	for _, c := range []struct {
		wire string
		want int
		code string
	}{
		{"900", 900, ""}, {"0900", 900, ""}, {"%2B900", 900, ""}, {"3600", 3600, ""},
		{"+900", 0, "MalformedInput"}, // a space on the wire
		{"%20900%20", 0, "MalformedInput"}, {"%09900%0A", 0, "MalformedInput"}, {"900.0", 0, "MalformedInput"},
		{"9e2", 0, "MalformedInput"}, {"2147483648", 0, "MalformedInput"}, {"-2147483649", 0, "MalformedInput"},
		{"", 0, "MalformedInput"}, {"0x384", 0, "MalformedInput"}, {"1_000", 0, "MalformedInput"},
		{"99999999999999999999", 0, "MalformedInput"},
		{"0", 0, "ValidationError"}, {"-1", 0, "ValidationError"}, {"3601", 0, "ValidationError"}, {"2147483647", 0, "ValidationError"},
	} {
		in := NewInput(parse(t, "DurationSeconds="+c.wire))
		got := in.Int("DurationSeconds", 1, 900, 3600)
		if code(in.Err()) != c.code || c.code == "" && got != c.want {
			t.Errorf("%q: got %d and %v, want %d and %q", c.wire, got, in.Err(), c.want, c.code)
		}
	}
	if got := NewInput(Form{}).Int("DurationSeconds", 7, 900, 3600); got != 7 {
		t.Errorf("without one: %d, want the default", got)
	}
}

func TestBooleans(t *testing.T) {
	for wire, want := range map[string]string{
		"true": "true", "1": "true", "false": "false", "0": "false", "TRUE": "MalformedInput",
		"True": "MalformedInput", "": "MalformedInput", "null": "MalformedInput", "yes": "MalformedInput", "%20true": "MalformedInput",
	} {
		in := NewInput(parse(t, "AllUsers="+wire))
		got := map[bool]string{true: "true", false: "false"}[in.Bool("AllUsers")]
		if in.Err() != nil {
			got = code(in.Err())
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", wire, got, want)
		}
	}
	if NewInput(Form{}).Bool("AllUsers") {
		t.Error("without one: true")
	}
}

// TestLists are the index rules that were captured at AWS.
func TestLists(t *testing.T) {
	for _, c := range []struct {
		body string
		want []string // elements, "?" for a missing one
		code string
	}{
		{"", nil, ""},
		{"L.member.1=a&L.member.2=b", []string{"a", "b"}, ""},
		{"L.member.2=b&L.member.1=a", []string{"a", "b"}, ""},
		{"L.member.01=a", []string{"a"}, ""},
		{"L.member.2=b", []string{"?", "b"}, "ValidationError"},
		{"L.member.11=k", nil, "ValidationError"},
		{"L.member.12=k", nil, "MalformedInput"},
		{"L.member.1=a&L.member.12=k", nil, "MalformedInput"},
		{"L.member.1=a&L.member.8=b&L.member.15=c", nil, "ValidationError"},
		{"L.member.0=a", nil, "MalformedInput"},
		{"L.member.-1=a", nil, "MalformedInput"},
		{"L.member.%2B1=a", nil, "MalformedInput"},
		{"L.member.x=a", nil, "MalformedInput"},
		{"L.member.=a", nil, "MalformedInput"},
		{"L.member.99999999999999999999=a", nil, "MalformedInput"},
	} {
		in := NewInput(parse(t, c.body))
		got := in.Strings("L")
		if code(in.Err()) != c.code || c.code == "" && !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %q and %v, want %q and %q", c.body, got, in.Err(), c.want, c.code)
		}
	}
}

func TestAnElementsPartsMeetUnderOneIndex(t *testing.T) {
	in := NewInput(parse(t, "Tags.member.01.Key=a&Tags.member.1.Value=b"))
	elements := in.List("Tags")
	if len(elements) != 1 {
		t.Fatalf("got %q", elements)
	}
	if k, v := in.Required(elements[0]+".Key"), in.Required(elements[0]+".Value"); k != "a" || v != "b" || in.Err() != nil {
		t.Errorf("got %q, %q and %v", k, v, in.Err())
	}
}

// TestConstraints are the sentences of AWS's validation errors.
func TestConstraints(t *testing.T) {
	codeRules := []Rule{MinLen(6), MaxLen(6), Match(`[\d]*`)}
	for _, c := range []struct {
		name, body string
		read       func(*Input)
		want       string
	}{
		{"short", "TokenCode=12345", func(in *Input) { in.String("TokenCode", codeRules...) },
			"1 validation error detected: Value '12345' at 'tokenCode' failed to satisfy constraint: Member must have length greater than or equal to 6"},
		{"long", "TokenCode=1234567", func(in *Input) { in.String("TokenCode", codeRules...) },
			"1 validation error detected: Value '1234567' at 'tokenCode' failed to satisfy constraint: Member must have length less than or equal to 6"},
		{"pattern", "RoleSessionName=a%20b", func(in *Input) { in.String("RoleSessionName", Match(`[\w+=,.@-]*`)) },
			`1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"newline at the end", "RoleSessionName=ab%0A", func(in *Input) { in.String("RoleSessionName", Match(`[\w+=,.@-]*`)) },
			"1 validation error detected: Value 'ab\n' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"},
		{"value", "DurationSeconds=43201", func(in *Input) { in.Int("DurationSeconds", 0, 900, 43200) },
			"1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"},
		{"missing", "", func(in *Input) { in.Required("SerialNumber") },
			"1 validation error detected: Value null at 'serialNumber' failed to satisfy constraint: Member must not be null"},
		{"enumeration", "AssignmentStatus=x", func(in *Input) { in.String("AssignmentStatus", OneOf("Assigned", "Any")) },
			"1 validation error detected: Value 'x' at 'assignmentStatus' failed to satisfy constraint: Member must satisfy enum value set: [Assigned, Any]"},
		{"member", "PolicyArns.member.1.arn=x", func(in *Input) { in.Required("PolicyArns.member.1.arn", MinLen(20)) },
			"1 validation error detected: Value 'x' at 'policyArns.1.member.arn' failed to satisfy constraint: Member must have length greater than or equal to 20"},
		{"several", "TokenCode=12a&DurationSeconds=899", func(in *Input) {
			in.Int("DurationSeconds", 0, 900, 43200)
			in.String("TokenCode", codeRules...)
		}, "3 validation errors detected: Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900; " +
			"Value '12a' at 'tokenCode' failed to satisfy constraint: Member must have length greater than or equal to 6; " +
			`Value '12a' at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\d]*`},
		{"characters, not bytes", "N=%C3%A9%C3%A9", func(in *Input) { in.String("N", MinLen(2), MaxLen(2)) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := NewInput(parse(t, c.body))
			c.read(in)
			err, got := in.Err(), ""
			if err != nil {
				var e *Error
				if !errors.As(err, &e) || e.Code != "ValidationError" || e.Status != http.StatusBadRequest {
					t.Fatalf("got %v", err)
				}
				got = e.Message
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestMalformedComesBeforeConstraints(t *testing.T) {
	in := NewInput(parse(t, "A=x&B="))
	in.String("A", MinLen(2))
	in.Int("B", 0, 0, 1)
	if code(in.Err()) != "MalformedInput" {
		t.Errorf("got %v", in.Err())
	}
	in = NewInput(Form{"A": "\xff"})
	in.String("A")
	if code(in.Err()) != "MalformedInput" {
		t.Errorf("bad UTF-8: %v", in.Err())
	}
}

func TestFormsAreBounded(t *testing.T) {
	if _, err := ParseForm("", []byte(strings.Repeat("a=1&", 10))); err != nil {
		t.Errorf("one name many times: %v", err)
	}
	var many strings.Builder
	for i := range maxParameters + 1 {
		many.WriteString("k" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i) + "=&")
	}
	if _, err := ParseForm("", []byte(many.String())); code(err) != "MalformedInput" {
		t.Errorf("many names: %v", err)
	}
	for _, body := range []string{"%zz=1", "a=%zz"} {
		if _, err := ParseForm("", []byte(body)); code(err) != "MalformedInput" {
			t.Errorf("%q: %v", body, err)
		}
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("a", MaxBody)))
	if b, err := ReadBody(r); err != nil || len(b) != MaxBody {
		t.Errorf("the largest body: %d bytes, %v", len(b), err)
	}
	r = httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("a", MaxBody+1)))
	if _, err := ReadBody(r); code(err) != "RequestEntityTooLarge" {
		t.Errorf("a larger one: %v", err)
	}
}

func TestTheLastOfARepeatedParameterCounts(t *testing.T) {
	f, err := ParseForm("A=url&B=1", []byte("A=1&A=2"))
	if err != nil || f["A"] != "2" || f["B"] != "1" {
		t.Errorf("got %v and %v", f, err)
	}
}

func TestIsForm(t *testing.T) {
	for _, c := range []struct {
		method, target, kind string
		want                 bool
	}{
		{"POST", "/", "application/x-www-form-urlencoded; charset=utf-8", true},
		{"POST", "/", "application/x-www-form-urlencoded", true},
		{"POST", "/", "application/x-amz-json-1.0", false},
		{"POST", "/", "", false},
		{"GET", "/?Action=GetCallerIdentity", "", true},
		{"GET", "/", "", false},
		{"PUT", "/b?Action=x", "application/x-www-form-urlencoded", false},
	} {
		r := httptest.NewRequest(c.method, c.target, nil)
		r.Header.Set("Content-Type", c.kind)
		if got := IsForm(r); got != c.want {
			t.Errorf("%s %s %s: %v", c.method, c.target, c.kind, got)
		}
	}
}

func TestAnswers(t *testing.T) {
	type entry struct{ Name string }
	type result struct {
		Users List[entry]
		When  Time
	}
	at := Time(time.Date(2026, 1, 2, 3, 4, 5, 600, time.FixedZone("x", 3600)))
	for _, c := range []struct {
		name  string
		write func(w http.ResponseWriter) error
		code  int
		want  string
	}{
		{"result", func(w http.ResponseWriter) error {
			return WriteResult(w, IAM, "ListUsers", "id-1", result{Users: List[entry]{Member: []entry{{"a&b"}, {"c"}}}, When: at})
		}, 200, `<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users><member><Name>a&amp;b</Name></member>` +
			`<member><Name>c</Name></member></Users><When>2026-01-02T02:04:05Z</When></ListUsersResult>` +
			`<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></ListUsersResponse>`},
		{"empty list", func(w http.ResponseWriter) error { return WriteResult(w, IAM, "ListUsers", "id-1", result{When: at}) }, 200,
			`<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users></Users><When>2026-01-02T02:04:05Z</When></ListUsersResult>` +
				`<ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></ListUsersResponse>`},
		{"no result", func(w http.ResponseWriter) error { return WriteResult(w, IAM, "EnableMFADevice", "id-2", nil) }, 200,
			`<EnableMFADeviceResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>id-2</RequestId></ResponseMetadata></EnableMFADeviceResponse>`},
		{"refusal", func(w http.ResponseWriter) error { return WriteError(w, STS, "id-3", AccessDenied("no. ")) }, 403,
			`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no. </Message></Error><RequestId>id-3</RequestId></ErrorResponse>`},
		{"failure", func(w http.ResponseWriter) error {
			return WriteError(w, STS, "id-4", Errorf(500, "ServiceFailure", "x"))
		}, 500,
			`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Receiver</Type><Code>ServiceFailure</Code><Message>x</Message></Error><RequestId>id-4</RequestId></ErrorResponse>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := c.write(w); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.code || w.Body.String() != c.want || w.Header().Get("Content-Type") != "text/xml" {
				t.Errorf("got  %d %s %s\nwant %d %s", w.Code, w.Header(), w.Body, c.code, c.want)
			}
		})
	}
}

func FuzzForm(f *testing.F) {
	f.Add("Action=AssumeRole&DurationSeconds=0900&Tags.member.01.Key=a&Tags.member.1.Value=b")
	f.Add("L.member.11=k&L.member.0=&L.member.=x&L.member.1.member.2=y")
	f.Add("%2B=%zz&=&&B=true&A=%C3%28")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := ParseForm("", []byte(body))
		if err != nil {
			return
		}
		in := NewInput(form)
		if n := in.Int("DurationSeconds", 900, 900, 3600); in.Err() == nil && (n < 900 || n > 3600) {
			t.Fatalf("%d is out of bounds and accepted", n)
		}
		in.Bool("B")
		elements := in.List("L")
		if len(elements) > len(form)*listStep+1 {
			t.Fatalf("%d elements of %d parameters", len(elements), len(form))
		}
		for _, e := range in.List("Tags") {
			in.Required(e+".Key", MinLen(1))
		}
		in.String("A", MaxLen(3), Match(`[\w]*`))
		_ = in.Err()
	})
}
