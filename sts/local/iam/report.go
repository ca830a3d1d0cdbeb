package iam

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/query"
	"github.com/fob-auth/fob/sts/local/store"
)

// reportLife is how long a credential report is given out and not made anew
// (IAM User Guide, "Generate credential reports for your AWS account").
const reportLife = 4 * time.Hour

type generateReportResult struct {
	State       string
	Description string `xml:",omitempty"`
}

// generateCredentialReport makes a report where there is none that is young
// enough. At AWS it takes a while; here it is there when the answer says
// STARTED.
func (s *Service) generateCredentialReport(r *access.Request) (any, error) {
	if err := authorize(r, "GenerateCredentialReport", "*"); err != nil {
		return nil, err
	}
	old, ok := r.Tx.Reports.Get(r.Caller.Account.ID)
	if ok && !expired(old, r.Now) {
		return generateReportResult{State: "COMPLETE"}, nil
	}
	content, err := credentialReport(r)
	if err != nil {
		return nil, err
	}
	r.Tx.Reports.Put(store.Report{Account: r.Caller.Account.ID, Generated: r.Now, Content: content})
	result := generateReportResult{State: "STARTED"}
	if !ok {
		result.Description = "No report exists. Starting a new report generation task"
	}
	return result, nil
}

func expired(report store.Report, now time.Time) bool {
	return now.After(report.Generated.Add(reportLife))
}

type getReportResult struct {
	Content       string // base64
	ReportFormat  string
	GeneratedTime query.Time
}

// getCredentialReport gives out the last report. The message of its refusals
// is the one that was observed.
func (s *Service) getCredentialReport(r *access.Request) (any, error) {
	if err := authorize(r, "GetCredentialReport", "*"); err != nil {
		return nil, err
	}
	report, ok := r.Tx.Reports.Get(r.Caller.Account.ID)
	if !ok {
		return nil, query.Errorf(http.StatusGone, "ReportNotPresent", "Unknown")
	}
	if expired(report, r.Now) {
		return nil, query.Errorf(http.StatusGone, "ReportExpired", "Unknown")
	}
	return getReportResult{
		Content:       base64.StdEncoding.EncodeToString([]byte(report.Content)),
		ReportFormat:  "text/csv",
		GeneratedTime: query.Time(report.Generated),
	}, nil
}

// reportColumns are those of a report (observed: those of keys beyond two,
// which the guide tells of, are left out).
var reportColumns = []string{
	"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
	"password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
}

// credentialReport writes the report: the root user first, then the users by
// name without regard to case; no line feed at the end (observed).
func credentialReport(r *access.Request) (string, error) {
	account := r.Caller.Account
	rows := [][]string{reportColumns, reportRow(r, "<root_account>", account.Root(), account.ID, account.Created, true)}
	users := r.Tx.UsersOf(account.ID)
	slices.SortFunc(users, func(a, b store.User) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	for _, u := range users {
		rows = append(rows, reportRow(r, u.Name, access.UserARN(account, u), u.ID, u.Created, false))
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(rows); err != nil {
		return "", fmt.Errorf("credential report: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// reportRow is one user's line. There are no passwords and no certificates
// here.
func reportRow(r *access.Request, name, arn, owner string, created time.Time, root bool) []string {
	passwords := []string{"false", notAvailable, notAvailable, notAvailable}
	if root {
		passwords = []string{"not_supported", "no_information", "not_supported", "not_supported"}
	}
	row := append([]string{name, arn, reportTime(created)}, passwords...)
	row = append(row, strconv.FormatBool(len(r.Tx.DevicesOwnedBy(owner)) > 0))
	keys := r.Tx.KeysOwnedBy(owner)
	for n := range maxKeys {
		if n >= len(keys) {
			row = append(row, "false", notAvailable, notAvailable, notAvailable, notAvailable)
			continue
		}
		k := keys[n]
		row = append(row, strconv.FormatBool(!k.Inactive), reportTime(k.Created),
			reportTime(k.LastUsed.At), orNotAvailable(k.LastUsed.Region), orNotAvailable(k.LastUsed.Service))
	}
	return append(row, "false", notAvailable, "false", notAvailable)
}

func reportTime(t time.Time) string {
	if t.IsZero() {
		return notAvailable
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func orNotAvailable(v string) string { return cmp.Or(v, notAvailable) }
