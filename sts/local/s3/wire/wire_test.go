package wire

import (
	"encoding/xml"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	var v VersioningConfiguration
	err := Decode([]byte(`<?xml version="1.0"?><VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>`),
		"VersioningConfiguration", &v)
	if err != nil || v.Status != "Enabled" || v.MFADelete != "Enabled" {
		t.Errorf("%+v, %v", v, err)
	}
	var d Delete
	err = Decode([]byte("<Delete><Quiet>true</Quiet><Object><Key>a</Key></Object><Object><Key>b&amp;é</Key><VersionId>v</VersionId></Object></Delete>"), "Delete", &d)
	if want := (Delete{true, []ObjectIdentifier{{Key: "a"}, {Key: "b&é", VersionID: "v"}}}); err != nil || !reflect.DeepEqual(d, want) {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestMalformed(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "text": "Delete", "no end": "<Delete>", "another root": "<Deleted/>", "two roots": "<Delete/><Delete/>",
		"an entity": `<!DOCTYPE x [<!ENTITY e "e">]><Delete><Object><Key>&e;</Key></Object></Delete>`,
		"too deep":  "<Delete>" + strings.Repeat("<a>", 20) + strings.Repeat("</a>", 20) + "</Delete>",
		"too large": "<Delete>" + strings.Repeat(" ", MaxSize) + "</Delete>",
		"no truth":  "<Delete><Quiet>perhaps</Quiet></Delete>",
		"no UTF-8":  "<Delete><Object><Key>\xff</Key></Object></Delete>",
	} {
		if err := Decode([]byte(text), "Delete", new(Delete)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecode: what is read and written again reads the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"<Delete><Quiet>true</Quiet><Object><Key>a</Key><VersionId>v</VersionId></Object></Delete>",
		`<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Part><PartNumber>1</PartNumber><ETag>"e"</ETag></Part></CompleteMultipartUpload>`,
		"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
		"<CreateBucketConfiguration><LocationConstraint>EU</LocationConstraint></CreateBucketConfiguration>",
		"<Tagging><TagSet><Tag><Key>a</Key><Value/></Tag><Tag><Key>b</Key></Tag></TagSet></Tagging>",
		"<!DOCTYPE a><Delete/>", "<Delete><![CDATA[x]]></Delete>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for root, empty := range map[string]func() any{
			"Delete":                    func() any { return new(Delete) },
			"CompleteMultipartUpload":   func() any { return new(CompleteMultipartUpload) },
			"Tagging":                   func() any { return new(Tagging) },
			"CreateBucketConfiguration": func() any { return new(CreateBucketConfiguration) },
		} {
			v := empty()
			if Decode(b, root, v) != nil {
				continue
			}
			text, err := xml.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			again := empty()
			if err := Decode(text, root, again); err != nil || !reflect.DeepEqual(v, again) {
				t.Fatalf("%s\nread again: %+v, %v\nwas %+v", text, again, err, v)
			}
		}
	})
}
