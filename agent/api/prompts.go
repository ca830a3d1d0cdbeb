package api

import "time"

// The routes of questions that only a person can answer.
const (
	PathPrompts = "/v1/prompts"      // GET: []Prompt
	PathPrompt  = "/v1/prompts/{id}" // POST PromptAnswer: Prompt
)

// AnswersQuery is the query parameter of PathEvents by which a watcher says
// that it puts questions to a person: those of the profile it names, or of all
// profiles ([AnswersAll]).
const (
	AnswersQuery = "answers"
	AnswersAll   = "*"
)

// A PromptKind is what a person is asked for.
type PromptKind string

// The kinds of prompt.
const (
	// PromptCode asks for the digits that a display shows.
	PromptCode PromptKind = "code"
	// PromptConfirm asks whether a caller may have what it asks for.
	PromptConfirm PromptKind = "confirm"
)

// A Prompt is a question to a person, for as long as it stands.
type Prompt struct {
	ID      string     `json:"id"`
	Kind    PromptKind `json:"kind" enum:"code,confirm"`
	Profile string     `json:"profile,omitempty"`
	Token   string     `json:"token,omitempty" doc:"Whose digits are wanted."`
	Caller  string     `json:"caller,omitempty" doc:"The program that asks, and those that started it."`
	Message string     `json:"message" doc:"The question in words."`
	Until   time.Time  `json:"until" doc:"When the question lapses."`
	// Offered says, in an event, that this watcher is the one to ask: a
	// question is put before one watcher at a time.
	Offered bool `json:"offered,omitempty" doc:"This watcher is the one that should ask."`
}

// A PromptAnswer answers a prompt: with digits, or with a yes or no. A no
// refuses either kind.
type PromptAnswer struct {
	Digits string `json:"digits,omitempty" maxLength:"16" doc:"What the display shows, for a prompt of kind code."`
	Allow  *bool  `json:"allow,omitempty" doc:"For a prompt of kind confirm; false refuses either kind."`
}
