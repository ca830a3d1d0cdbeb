package ask

import "errors"

// Why a question brought nothing.
var (
	// ErrNobody: there is no terminal, no display and no tool to ask on.
	ErrNobody = errors.New("nobody can be asked: there is no terminal, no display and no tool that answers")
	// ErrRefused: the person said no.
	ErrRefused = errors.New("the user said no")
	// ErrUnanswered: the question lapsed.
	ErrUnanswered = errors.New("the user didn't answer in time")
	// ErrUnknown: no such question stands, or it was answered already.
	ErrUnknown = errors.New("no such question stands")
	// ErrKind: the answer is one to another kind of question.
	ErrKind = errors.New("the question wants another kind of answer")
	// ErrCannot: a way of asking doesn't work at present.
	ErrCannot = errors.New("can't ask in this way")
)

// A DigitsError says that digits can't be a code, so that they aren't worth one
// of AWS's verifications. The question stands on.
type DigitsError struct{ Reason string }

func (e *DigitsError) Error() string { return "these digits can't be the code: " + e.Reason }
