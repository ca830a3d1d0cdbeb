package query

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// A Service is one API that speaks Query: its name in a signature's scope, its
// version and the namespace of its answers.
type Service struct {
	Name      string
	Version   string
	Namespace string
}

// The Query services of the local AWS (service models of that version).
var (
	STS = Service{Name: "sts", Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}
	IAM = Service{Name: "iam", Version: "2010-05-08", Namespace: "https://iam.amazonaws.com/doc/2010-05-08/"}
)

// A List is a list in an answer: an element that is there even if it is empty,
// for clients tell an empty list from a missing one.
type List[T any] struct {
	Member []T `xml:"member"`
}

// A Time is a time in an answer: ISO 8601 in UTC, whole seconds.
type Time time.Time

// MarshalText writes it.
func (t Time) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05Z"), nil
}

// WriteResult answers 200 with the operation's result, a struct of XML
// elements, in its wrapper; nil for an operation without a result.
func WriteResult(w http.ResponseWriter, s Service, action, requestID string, result any) error {
	body, err := encode(xml.Name{Space: s.Namespace, Local: action + "Response"}, func(e *xml.Encoder) error {
		if result != nil {
			if err := e.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
				return err
			}
		}
		return e.EncodeElement(struct {
			RequestID string `xml:"RequestId"`
		}{requestID}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}})
	})
	if err != nil {
		return fmt.Errorf("answer of %s: %w", action, err)
	}
	write(w, http.StatusOK, body)
	return nil
}

// WriteError answers with an ErrorResponse in the service's namespace.
func WriteError(w http.ResponseWriter, s Service, requestID string, refusal *Error) error {
	type detail struct {
		Type    string
		Code    string
		Message string
	}
	body, err := encode(xml.Name{Space: s.Namespace, Local: "ErrorResponse"}, func(e *xml.Encoder) error {
		d := detail{Type: refusal.Fault(), Code: refusal.Code, Message: refusal.Message}
		if err := e.EncodeElement(d, xml.StartElement{Name: xml.Name{Local: "Error"}}); err != nil {
			return err
		}
		return e.EncodeElement(requestID, xml.StartElement{Name: xml.Name{Local: "RequestId"}})
	})
	if err != nil {
		return fmt.Errorf("error answer: %w", err)
	}
	write(w, refusal.Status, body)
	return nil
}

// encode writes one root element in a default namespace and what fill puts
// into it.
func encode(name xml.Name, fill func(*xml.Encoder) error) ([]byte, error) {
	var buf bytes.Buffer
	e := xml.NewEncoder(&buf)
	root := xml.StartElement{
		Name: xml.Name{Local: name.Local},
		Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: name.Space}},
	}
	if err := e.EncodeToken(root); err != nil {
		return nil, err
	}
	if err := fill(e); err != nil {
		return nil, err
	}
	if err := e.EncodeToken(root.End()); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func write(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/xml")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}
