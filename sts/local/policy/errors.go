package policy

import (
	"errors"
	"fmt"
	"strings"
)

// SyntaxKind says what is wrong with the text of a policy.
type SyntaxKind string

// The ways in which a document can fail to be a policy.
const (
	InvalidJSON     SyntaxKind = "invalid JSON"
	TooLarge        SyntaxKind = "document too large"
	TooDeep         SyntaxKind = "nested too deeply"
	DuplicateKey    SyntaxKind = "duplicate key"
	UnknownElement  SyntaxKind = "unknown element"
	WrongType       SyntaxKind = "wrong type"
	Conflict        SyntaxKind = "elements exclude each other"
	MissingElement  SyntaxKind = "missing element"
	InvalidValue    SyntaxKind = "invalid value"
	UnknownOperator SyntaxKind = "unknown condition operator"
)

// SyntaxError is what Parse returns for a text that is not a policy.
type SyntaxError struct {
	Kind   SyntaxKind
	Path   string // element at fault, as in Statement[0].Condition; empty: the document
	Offset int    // bytes into the text, 0 where unknown
	Detail string // may be empty

	version string // of the document
	legacy  bool   // an effect in the wrong case, which IAM finds later than other faults
}

// under puts a key or index before the path, as the error comes up through the
// elements; nil stays nil.
func (e *SyntaxError) under(key string) *SyntaxError {
	if e == nil {
		return nil
	}
	if e.Path != "" && e.Path[0] != '[' {
		key += "."
	}
	e.Path = key + e.Path
	return e
}

func (e *SyntaxError) Error() string {
	var b strings.Builder
	b.WriteString("policy: " + string(e.Kind))
	if e.Path != "" {
		b.WriteString(" at " + e.Path)
	}
	if e.Offset > 0 {
		fmt.Fprintf(&b, " (byte %d)", e.Offset)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	return b.String()
}

// Message returns the service's text for an error of Parse or of Validate, as
// it refuses a policy of kind k. Other errors give their own text.
func Message(err error, k Kind) string {
	var invalid *ValidationError
	var syntax *SyntaxError
	switch {
	case errors.As(err, &invalid):
		return invalid.Message
	case errors.As(err, &syntax):
		return syntax.message(k)
	}
	return err.Error()
}

func (e *SyntaxError) message(k Kind) string {
	element := e.Path[strings.LastIndexByte(e.Path, '.')+1:]
	switch k {
	case Trust, Resource:
		switch {
		case e.Kind == UnknownElement:
			return "Unknown field " + element
		case e.Kind == MissingElement:
			return msgMissing + element
		case k == Resource && e.Kind == InvalidJSON:
			return msgS3JSON
		case k == Resource:
			return msgS3Syntax
		case e.Kind == InvalidJSON:
			return msgInvalidJSON
		}
	case Managed, Boundary:
		if e.legacy && e.version != Version2012 {
			return msgVersion
		}
	}
	if e.legacy && k != Trust {
		return msgLegacy
	}
	return msgSyntax
}
