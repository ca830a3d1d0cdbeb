package policy

import (
	"fmt"
	"strconv"
	"testing"
)

// The columns of the MFA truth table: what the context holds for each kind of
// credential (IAM User Guide, "AWS global condition context keys").
func mfaContext(present string, age int) Context {
	var c Context
	if present != "" {
		c.Set("aws:MultiFactorAuthPresent", present)
	}
	if age >= 0 {
		c.Set("aws:MultiFactorAuthAge", strconv.Itoa(age))
	}
	return c
}

func TestMFATruthTable(t *testing.T) {
	columns := []struct {
		name string
		ctx  Context
	}{
		{"long-term key", mfaContext("", -1)},
		{"temporary without MFA", mfaContext("false", -1)},
		{"GetSessionToken with MFA, age 0", mfaContext("true", 0)},
		{"GetSessionToken with MFA, age 299", mfaContext("true", 299)},
		{"GetSessionToken with MFA, age 300", mfaContext("true", 300)},
		{"GetSessionToken with MFA, age 301", mfaContext("true", 301)},
		{"role session by TokenCode", mfaContext("false", -1)},
		{"AssumeRole call with code", mfaContext("true", 0)},
	}
	rows := []struct {
		operator, key, value string
		want                 string // one letter a column
	}{
		{"Bool", "aws:MultiFactorAuthPresent", "true", "FFTTTTFT"},
		{"Bool", "aws:MultiFactorAuthPresent", "false", "FTFFFFTF"},
		{"BoolIfExists", "aws:MultiFactorAuthPresent", "true", "TFTTTTFT"},
		{"BoolIfExists", "aws:MultiFactorAuthPresent", "false", "TTFFFFTF"},
		{"Null", "aws:MultiFactorAuthPresent", "true", "TFFFFFFF"},
		{"Null", "aws:MultiFactorAuthPresent", "false", "FTTTTTTT"},
		{"NumericLessThan", "aws:MultiFactorAuthAge", "300", "FFTTFFFT"},
		{"NumericLessThanIfExists", "aws:MultiFactorAuthAge", "300", "TTTTFFTT"},
		{"NumericGreaterThan", "aws:MultiFactorAuthAge", "300", "FFFFFTFF"},
		{"NumericGreaterThanIfExists", "aws:MultiFactorAuthAge", "300", "TTFFFTTF"},
		{"NumericNotEquals", "aws:MultiFactorAuthAge", "0", "TTFTTTTF"},
		{"Null", "aws:MultiFactorAuthAge", "true", "TTFFFFTF"},
	}
	for _, row := range rows {
		for i, column := range columns {
			for _, literal := range []string{strconv.Quote(row.value), row.value} {
				name := fmt.Sprintf("%s %s %s/%s", row.operator, row.key, literal, column.name)
				t.Run(name, func(t *testing.T) {
					text := fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{%q:{%q:%s}}}}`, row.operator, row.key, literal)
					d := Evaluate(&Request{Action: "ec2:StopInstances", Resource: "*", Context: column.ctx,
						Principal: Principal{Kind: User}, Identity: []Named{{Name: "p", Document: mustParse(t, text)}}})
					if got, want := d.Allowed(), row.want[i] == 'T'; got != want {
						t.Errorf("condition matches: %v, want %v", got, want)
					}
				})
			}
		}
	}
}

func mustParse(t testing.TB, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return d
}
