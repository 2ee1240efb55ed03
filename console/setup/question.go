package setup

// Question is one of init's.
type Question struct {
	// Flag is the name of the flag that answers it, too.
	Flag string `json:"flag"`
	// Text is the question.
	Text string `json:"text"`
	// Usual is what is offered as the answer.
	Usual string `json:"usual"`
	// Without is what an empty answer means; empty itself if there must be one.
	Without string `json:"without"`
	// Choices are answers that fit this machine; others may be right as well.
	Choices []string `json:"choices,omitempty"`
}
