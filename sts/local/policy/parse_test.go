package policy

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseRefusesWhatIsNoPolicy(t *testing.T) {
	deep := strings.Repeat("[", 100000) + strings.Repeat("]", 100000)
	for _, c := range []struct {
		text string
		kind SyntaxKind
		path string
	}{
		{``, InvalidJSON, ""},
		{`{`, InvalidJSON, ""},
		{`{} {}`, InvalidJSON, ""},
		{`{}x`, InvalidJSON, ""},
		{`{"Version":"2012-10-17",}`, InvalidJSON, ""},
		{"\xef\xbb\xbf{}", InvalidJSON, ""},
		{"{\"Id\":\"\xff\"}", InvalidJSON, ""},
		{`null`, WrongType, ""},
		{`[]`, WrongType, ""},
		{`"*"`, WrongType, ""},
		{strings.Repeat(" ", MaxSize) + `{}`, TooLarge, ""},
		{`{"Statement":` + deep[:60] + `}`, TooDeep, "Statement[0][0][0][0][0][0][0][0][0][0][0]"},
		{deep[:MaxSize], TooDeep, "[0][0][0][0][0][0][0][0][0][0][0][0]"},
		{`{"Version":"2012-10-17","Version":"2012-10-17"}`, DuplicateKey, "Version"},
		{`{"Statement":{"Effect":"Allow","Effect":"Deny"}}`, DuplicateKey, "Statement.Effect"},
		{`{"Statement":[{"Effect":"Deny","Condition":{"Bool":{"a":"true","a":"false"}}}]}`, DuplicateKey, "Statement[0].Condition.Bool.a"},
		{`{"version":"2012-10-17"}`, UnknownElement, "version"},
		{`{"Statement":[{"Effect":"Allow"},{"Effect":"Allow","Actions":"*"}]}`, UnknownElement, "Statement[1].Actions"},
		{`{"Statement":{"Effect":"Allow","Principal":{"Role":"x"}}}`, UnknownElement, "Statement.Principal.Role"},
		{`{"Version":"2011-10-17"}`, InvalidValue, "Version"},
		{`{"Version":2012}`, WrongType, "Version"},
		{`{"Statement":"*"}`, WrongType, "Statement"},
		{`{"Statement":[[]]}`, WrongType, "Statement[0]"},
		{`{"Statement":{}}`, MissingElement, "Statement.Effect"},
		{`{"Statement":{"Effect":"allow"}}`, InvalidValue, "Statement.Effect"},
		{`{"Statement":{"Effect":"Allow","Principal":"bob"}}`, InvalidValue, "Statement.Principal"},
		{`{"Statement":{"Effect":"Allow","Principal":["*"]}}`, WrongType, "Statement.Principal"},
		{`{"Statement":{"Effect":"Allow","Principal":{"AWS":{}}}}`, WrongType, "Statement.Principal.AWS"},
		{`{"Statement":{"Effect":"Allow","Principal":"*","NotPrincipal":"*"}}`, Conflict, "Statement.NotPrincipal"},
		{`{"Statement":{"Effect":"Allow","NotAction":"a:b","Action":"a:b"}}`, Conflict, "Statement.Action"},
		{`{"Statement":{"Effect":"Allow","Resource":"*","NotResource":"*"}}`, Conflict, "Statement.NotResource"},
		{`{"Statement":{"Effect":"Allow","Action":5}}`, WrongType, "Statement.Action"},
		{`{"Statement":{"Effect":"Allow","Action":["a:b",null]}}`, WrongType, "Statement.Action"},
		{`{"Statement":{"Effect":"Allow","Condition":[]}}`, WrongType, "Statement.Condition"},
		{`{"Statement":{"Effect":"Allow","Condition":{"Bool":"x"}}}`, WrongType, "Statement.Condition.Bool"},
		{`{"Statement":{"Effect":"Allow","Condition":{"Bool":{"a":null}}}}`, WrongType, "Statement.Condition.Bool.a"},
		{`{"Statement":{"Effect":"Allow","Condition":{"Bool":{"a":[["x"]]}}}}`, WrongType, "Statement.Condition.Bool.a"},
		{`{"Statement":{"Effect":"Allow","Condition":{"bool":{"a":"true"}}}}`, UnknownOperator, "Statement.Condition.bool"},
		{`{"Statement":{"Effect":"Allow","Condition":{"StringEqualsIfExistsIfExists":{"a":"b"}}}}`, UnknownOperator, "Statement.Condition.StringEqualsIfExistsIfExists"},
	} {
		d, err := Parse([]byte(c.text))
		var syntax *SyntaxError
		if d != nil || !errors.As(err, &syntax) || syntax.Kind != c.kind || syntax.Path != c.path {
			t.Errorf("%.80s: got %v, want %s at %q", c.text, err, c.kind, c.path)
			continue
		}
		if text := syntax.Error(); !strings.Contains(text, string(c.kind)) || !strings.Contains(text, c.path) {
			t.Errorf("%.80s: error reads %q", c.text, text)
		}
	}
}

func TestParseReadsEveryForm(t *testing.T) {
	for _, text := range []string{
		`{}`,
		`{"Statement":[]}`,
		`{"Statement":{"Effect":"Allow"}}`,
		`{"Version":"2008-10-17","Id":"x y","Statement":[{"Sid":"","Effect":"Deny","NotAction":["a:b"],"NotResource":"*"}]}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["*","111122223333"],"Service":"s3.amazonaws.com","Federated":["x"],"CanonicalUser":"y"},"Action":"*"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotPrincipal":"*","Action":[],"Resource":[]}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Condition":{"Bool":{"a":["true","false"],"b":"true"},"ForAllValues:StringLikeIfExists":{"c":[]}}}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"é<>&:\u2028\"","Resource":"arn:aws:s3:::${aws:username}/*"}}`,
	} {
		printed, err := json.Marshal(mustParse(t, text))
		if err != nil {
			t.Fatal(err)
		}
		var was, is any
		if json.Unmarshal([]byte(text), &was) != nil || json.Unmarshal(printed, &is) != nil || !sameJSON(was, is) {
			if text != `{}` && !strings.Contains(text, `"Sid":""`) { // which print as a list of none, and without a Sid
				t.Errorf("%s\nprinted %s", text, printed)
			}
		}
		again, err := json.Marshal(mustParse(t, string(printed)))
		if err != nil || string(again) != string(printed) {
			t.Errorf("printed again: %s, then %s", printed, again)
		}
	}
	d := mustParse(t, `{"Version":"2012-10-17","Id":"x","Statement":[{"Effect":"Allow"},{"Effect":"Deny"}]}`)
	if d.Version() != Version2012 || d.ID() != "x" || d.Len() != 2 {
		t.Errorf("read %q %q %d", d.Version(), d.ID(), d.Len())
	}
}

// Positions as SimulateCustomPolicy answered them for such texts.
func TestPositions(t *testing.T) {
	one := mustParse(t, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": {"DateNotEquals": {"aws:RequestTag/value": "2030-01-01T00:00:00Z"}}}}`)
	if start, end, ok := one.Position(0); !ok || start != (Position{1, 41}) || end != (Position{1, 184}) {
		t.Errorf("an only statement: %v to %v", start, end)
	}
	many := mustParse(t, "{\"Id\":\"é\", \"Statement\": [\n  {\"Effect\": \"Allow\"},\r\n  {\"Effect\": \"Deny\"}\n]}")
	want := [][2]Position{{{1, 26}, {2, 22}}, {{2, 22}, {3, 21}}}
	for i, w := range want {
		if start, end, ok := many.Position(i); !ok || start != w[0] || end != w[1] {
			t.Errorf("statement %d: %v to %v, want %v", i, start, end, w)
		}
	}
	for _, i := range []int{-1, 2} {
		if _, _, ok := many.Position(i); ok {
			t.Errorf("there is a statement %d", i)
		}
	}
}

func TestContextKeys(t *testing.T) {
	d := mustParse(t, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${s3:Prefix}/${aws:UserId, 'x'}${*}","Condition":{"Bool":{"aws:SecureTransport":"true"}}},
		{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"s3:prefix":["${aws:username}/*"]},"Null":{"AWS:secureTransport":"true"}}}]}`)
	want := []string{"s3:Prefix", "aws:UserId", "aws:SecureTransport", "aws:username"}
	if got := d.ContextKeys(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMapPrincipals(t *testing.T) {
	d := mustParse(t, `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["*","arn:aws:iam::111122223333:user/x/carol"],"Service":"s3.amazonaws.com"},"Action":"sts:AssumeRole"},{"Effect":"Deny","Action":"*"}]}`)
	ids, err := d.MapPrincipals(func(kind, value string) (string, error) {
		if kind == "AWS" {
			return "AIDACAROL", nil
		}
		return value, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(d)
	after, _ := json.Marshal(ids)
	if want := strings.Replace(string(before), "arn:aws:iam::111122223333:user/x/carol", "AIDACAROL", 1); string(after) != want {
		t.Errorf("got %s, want %s", after, want)
	}
	gone := errors.New("gone")
	if _, err := d.MapPrincipals(func(string, string) (string, error) { return "", gone }); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}

func TestContext(t *testing.T) {
	var c Context
	c.Set("aws:UserName", "carol")
	c.SetList("aws:TagKeys")
	d := c.Clone()
	d.Set("AWS:username", "bob")
	d.Delete("AWS:TAGKEYS")
	if v, ok := c.Get("AWS:USERNAME"); !ok || !slices.Equal(v, []string{"carol"}) {
		t.Errorf("got %q %v", v, ok)
	}
	if v, ok := c.Get("aws:tagkeys"); !ok || len(v) != 0 {
		t.Errorf("an empty list: %q %v", v, ok)
	}
	if _, ok := d.Get("aws:TagKeys"); ok || c.Len() != 2 || d.Len() != 1 {
		t.Error("a clone shares its keys")
	}
}
