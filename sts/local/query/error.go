package query

import (
	"errors"
	"fmt"
	"net/http"
)

// An Error is AWS's refusal of a call: what goes into the answer's Error
// element, and its HTTP status.
type Error struct {
	Status  int
	Code    string
	Message string
}

// Error gives the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Fault is the Type element: whose fault it was.
func (e *Error) Fault() string {
	if e.Status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

// IsRefusal tells whether err is an [Error] of a status below 500: AWS's word,
// rather than a failure of the server.
func IsRefusal(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status < http.StatusInternalServerError
}

// Errorf makes an [Error].
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// AccessDenied is a 403 of that code.
func AccessDenied(format string, args ...any) *Error {
	return Errorf(http.StatusForbidden, "AccessDenied", format, args...)
}

// ValidationError is a 400 of that code.
func ValidationError(format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, "ValidationError", format, args...)
}

// NoSuchEntity is IAM's 404.
func NoSuchEntity(format string, args ...any) *Error {
	return Errorf(http.StatusNotFound, "NoSuchEntity", format, args...)
}

// EntityAlreadyExists is IAM's 409 for a name or device that is taken.
func EntityAlreadyExists(format string, args ...any) *Error {
	return Errorf(http.StatusConflict, "EntityAlreadyExists", format, args...)
}

// malformed is what a parameter gets that can't be read as its type. Observed
// code; the text is ours.
func malformed(format string, args ...any) *Error {
	return Errorf(http.StatusBadRequest, "MalformedInput", format, args...)
}
