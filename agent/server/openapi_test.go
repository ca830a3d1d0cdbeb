package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fob-auth/fob/agent/api"
	"github.com/fob-auth/fob/agent/server"
)

// TestOpenAPI holds the document to the routes and types that are served.
func TestOpenAPI(t *testing.T) {
	path := start(t, &fake{}, server.Options{Version: "1.2.3"})
	resp, b := exchange(t, path, get(api.PathOpenAPI))
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, %s", resp.StatusCode, resp.Header)
	}
	var doc struct {
		OpenAPI string
		Info    struct{ Title, Version string }
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Responses   map[string]struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
		}
		Components struct {
			Schemas map[string]struct {
				AdditionalProperties *bool
				Properties           map[string]json.RawMessage
				Required             []string
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Info.Version != "1.2.3" {
		t.Errorf("OpenAPI %s, version %s", doc.OpenAPI, doc.Info.Version)
	}
	want := []string{
		"GET " + api.PathStatus, "GET " + api.PathTokens, "POST " + api.PathTokenUnlock, "GET " + api.PathCredentials,
		"GET " + api.PathSessions, "POST " + api.PathSessions, "DELETE " + api.PathSession,
		"POST " + api.PathCodes, "POST " + api.PathEndpoints, "GET " + api.PathBindings, "DELETE " + api.PathBinding,
		"POST " + api.PathBind, "GET " + api.PathDrift, "POST " + api.PathResync,
		"POST " + api.PathEnroll, "POST " + api.PathUnenroll, "GET " + api.PathEvents, "GET " + api.PathMetrics, "GET " + api.PathDoctor,
		"GET " + api.PathPrompts, "POST " + api.PathPrompt,
		"GET " + api.PathKeys, "POST " + api.PathKeysImport, "POST " + api.PathKeysRotate, "POST " + api.PathKeysUnlock,
		"POST " + api.PathLock, "POST " + api.PathUnlock, "GET " + api.PathAudit, "GET " + api.PathAuditVerify,
		"GET " + api.PathTickets, "POST " + api.PathTickets, "DELETE " + api.PathTicket,
	}
	var got []string
	for route, methods := range doc.Paths {
		for method, op := range methods {
			got = append(got, strings.ToUpper(method)+" "+route)
			if op.Summary == "" || op.OperationID == "" {
				t.Errorf("%s %s says not what it does", method, route)
			}
			if ref := op.Responses["default"].Content["application/json"].Schema.Ref; ref != "#/components/schemas/ErrorBody" {
				t.Errorf("%s %s: errors are %q", method, route, ref)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("routes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for name, schema := range doc.Components.Schemas {
		if _, ok := schema.Properties["$schema"]; ok || strings.Contains(name, "ErrorModel") {
			t.Errorf("schema %s is huma's own", name)
		}
		if len(schema.Properties) > 0 && (schema.AdditionalProperties == nil || *schema.AdditionalProperties) {
			t.Errorf("schema %s lets unknown fields through", name)
		}
	}
	if required := doc.Components.Schemas["SessionRequest"].Required; !slices.Equal(required, []string{"profile"}) {
		t.Errorf("SessionRequest requires %q", required)
	}
	for _, foreign := range []string{"unpkg.com", "cdn.", "problem+json", `"null"`} {
		if strings.Contains(string(b), foreign) {
			t.Errorf("the document has %s in it", foreign)
		}
	}
}
