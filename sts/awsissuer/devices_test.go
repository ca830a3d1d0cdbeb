package awsissuer_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fob-auth/fob/sts"
	"github.com/fob-auth/fob/sts/awsissuer"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

const serial = "arn:aws:iam::111122223333:mfa/carol"

// iamAnswer answers an operation of IAM with what is inside its result.
func iamAnswer(inner map[string]string) func(http.ResponseWriter, url.Values) {
	return func(w http.ResponseWriter, form url.Values) {
		action := form.Get("Action")
		result := ""
		if content, ok := inner[action+form.Get("Marker")]; ok {
			result = fmt.Sprintf("<%[1]sResult>%[2]s</%[1]sResult>", action, content)
		}
		fmt.Fprintf(w, `<%[1]sResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">%[2]s<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></%[1]sResponse>`, action, result)
	}
}

func TestDeviceOperations(t *testing.T) {
	s := newStand(t, iamAnswer(map[string]string{
		"CreateVirtualMFADevice": `<VirtualMFADevice><SerialNumber>` + serial + `</SerialNumber><Base32StringSeed>SkJTV1kzRFBFSFBLM1BYUA==</Base32StringSeed><QRCodePNG>AAAA</QRCodePNG></VirtualMFADevice>`,
		"ListMFADevices":         `<MFADevices><member><UserName>carol</UserName><SerialNumber>` + serial + `</SerialNumber><EnableDate>2026-11-01T00:00:00Z</EnableDate></member></MFADevices><IsTruncated>true</IsTruncated><Marker>2</Marker>`,
		"ListMFADevices2":        `<MFADevices><member><UserName>carol</UserName><SerialNumber>GAHT12345678</SerialNumber><EnableDate>2026-11-02T00:00:00Z</EnableDate></member></MFADevices><IsTruncated>false</IsTruncated>`,
		"GetUser":                `<User><Path>/</Path><UserName>carol</UserName><UserId>AIDACAROL</UserId><Arn>arn:aws:iam::111122223333:user/carol</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></User>`,
	}))
	i, ctx, c := awsissuer.New(awsissuer.Options{}), context.Background(), s.caller()
	got := map[string]any{}
	record := func(name string, value any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got[name] = value
	}
	created, err := i.CreateVirtualMFADevice(ctx, c, "carol", "")
	record("create", created, err)
	if text := fmt.Sprintf("%+v %#v %s", created, created, created.Seed); strings.Contains(text, "JBSWY3DP") {
		t.Errorf("the seed shows in %q", text)
	}
	enabled, err := i.EnableMFADevice(ctx, c, "carol", serial, "111111", "222222")
	record("enable", enabled, err)
	resynced, err := i.ResyncMFADevice(ctx, c, "carol", serial, "333333", "444444")
	record("resync", resynced, err)
	record("deactivate", nil, i.DeactivateMFADevice(ctx, c, "", serial))
	record("delete", nil, i.DeleteVirtualMFADevice(ctx, c, serial))
	listed, err := i.ListMFADevices(ctx, c, "")
	record("list", listed, err)
	user, err := i.GetUser(ctx, c, "")
	record("user", user, err)

	want := map[string]any{
		"create": awsissuer.VirtualDevice{Serial: serial, Seed: "JBSWY3DPEHPK3PXP"},
		"enable": awsDate, "resync": awsDate, "deactivate": nil, "delete": nil,
		"list": []awsissuer.Device{
			{Serial: serial, User: "carol", Enabled: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
			{Serial: "GAHT12345678", User: "carol", Enabled: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)},
		},
		"user": awsissuer.User{Name: "carol", ARN: "arn:aws:iam::111122223333:user/carol"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	var sent []string
	asked, header := s.requests()
	for n, form := range asked {
		form.Del("Version")
		sent = append(sent, form.Encode())
		if !strings.Contains(header[n].Get("Authorization"), "/us-east-1/iam/aws4_request") {
			t.Errorf("scope of %s: %s", form, header[n].Get("Authorization"))
		}
	}
	escaped := url.QueryEscape(serial)
	wantSent := []string{
		"Action=CreateVirtualMFADevice&VirtualMFADeviceName=carol",
		"Action=EnableMFADevice&AuthenticationCode1=111111&AuthenticationCode2=222222&SerialNumber=" + escaped + "&UserName=carol",
		"Action=ResyncMFADevice&AuthenticationCode1=333333&AuthenticationCode2=444444&SerialNumber=" + escaped + "&UserName=carol",
		"Action=DeactivateMFADevice&SerialNumber=" + escaped,
		"Action=DeleteVirtualMFADevice&SerialNumber=" + escaped,
		"Action=ListMFADevices",
		"Action=ListMFADevices&Marker=2",
		"Action=GetUser",
	}
	if !reflect.DeepEqual(sent, wantSent) {
		t.Errorf("sent %q\nwant %q", sent, wantSent)
	}
}

func TestDeviceRefusals(t *testing.T) {
	s := newStand(t, func(w http.ResponseWriter, form url.Values) {
		refuse(w, 403, "InvalidAuthenticationCode", "Authentication code for device is not valid: "+form.Get("AuthenticationCode1")+form.Get("AuthenticationCode2"))
	})
	_, err := awsissuer.New(awsissuer.Options{}).EnableMFADevice(context.Background(), s.caller(), "carol", serial, testCode, "222222")
	r := refusal(t, err)
	if r.Class != sts.WrongPair || r.Action != "EnableMFADevice" || !r.Date.Equal(awsDate) {
		t.Errorf("refusal %+v", r)
	}
	holdsNoSecret(t, err)
	if strings.Contains(err.Error(), "222222") {
		t.Errorf("%q holds the second code", err)
	}
	if asked, _ := s.requests(); len(asked) != 1 {
		t.Errorf("%d requests", len(asked))
	}
}

// TestPageIsNoAnswer: a proxy's page with status 200 is no yes of AWS's, also to
// a call whose result has no fields; AWS may have got the call or not.
func TestPageIsNoAnswer(t *testing.T) {
	for _, page := range []string{"", "welcome", "<html><body>log in</body></html>", "<DeleteVirtualMFADeviceResponse/>"} {
		s := newStand(t, func(w http.ResponseWriter, _ url.Values) { io.WriteString(w, page) })
		_, err := awsissuer.New(awsissuer.Options{}).EnableMFADevice(context.Background(), s.caller(), "carol", serial, testCode, "222222")
		if err == nil {
			t.Errorf("%q was taken for a yes", page)
			continue
		}
		if r := refusal(t, err); r.Class != sts.Other || r.Status != 200 || !r.MayHaveSpent() {
			t.Errorf("after %q: %+v", page, r)
		}
	}
}

// A list without an end is cut off.
func TestListMFADevicesEnds(t *testing.T) {
	s := newStand(t, func(w http.ResponseWriter, _ url.Values) {
		io.WriteString(w, `<ListMFADevicesResponse><ListMFADevicesResult><MFADevices/><IsTruncated>true</IsTruncated><Marker>more</Marker></ListMFADevicesResult></ListMFADevicesResponse>`)
	})
	if _, err := awsissuer.New(awsissuer.Options{}).ListMFADevices(context.Background(), s.caller(), "carol"); err != nil {
		t.Error(err)
	}
	if asked, _ := s.requests(); len(asked) > 4 {
		t.Errorf("%d pages", len(asked))
	}
}

// An answer to CreateVirtualMFADevice without a seed is no device.
func TestCreateWithoutSeed(t *testing.T) {
	s := newStand(t, iamAnswer(map[string]string{
		"CreateVirtualMFADevice": `<VirtualMFADevice><SerialNumber>` + serial + `</SerialNumber></VirtualMFADevice>`,
	}))
	_, err := awsissuer.New(awsissuer.Options{}).CreateVirtualMFADevice(context.Background(), s.caller(), "carol", "/x/")
	if r := refusal(t, err); r.Class != sts.Other {
		t.Errorf("refusal %+v", r)
	}
}
