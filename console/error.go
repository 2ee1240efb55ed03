package console

import "net/http"

// The codes of an Error.
const (
	// CodeBadRequest is a request that can't be understood as it stands.
	CodeBadRequest = "bad_request"
	// CodeNotFound is a path or a thing that does not exist.
	CodeNotFound = "not_found"
	// CodeMethodNotAllowed is a path that exists under another method.
	CodeMethodNotAllowed = "method_not_allowed"
	// CodeTooLarge is a request whose body is longer than any that is needed.
	CodeTooLarge = "too_large"
	// CodeUnauthenticated is a request by nobody who is known.
	CodeUnauthenticated = "unauthenticated"
	// CodeForbidden is a request by somebody who may not make it, or from a place
	// that it must not come from.
	CodeForbidden = "forbidden"
	// CodeTooMany is one request too many for now.
	CodeTooMany = "too_many"
	// CodeConflict is a request that the node's state rules out.
	CodeConflict = "conflict"
	// CodeBadConfiguration is a configuration file that cannot be followed.
	CodeBadConfiguration = "bad_configuration"
	// CodePrecondition is a change of something that has changed since it was read.
	CodePrecondition = "precondition_failed"
	// CodeUnavailable is something that the node can't say or do yet.
	CodeUnavailable = "unavailable"
	// CodeInternal is a failure of the daemon.
	CodeInternal = "internal"
	// CodeUnreachable is a daemon that does not answer: the client's own, or another
	// node's that was to be asked.
	CodeUnreachable = "unreachable"
)

// Error is the one form in which the API fails. A Farm returns it to choose code
// and cure; any other error of a Farm is taken for CodeInternal.
type Error struct {
	// Code is for programs: one of the Code constants.
	Code string `json:"code"`
	// Message says what was wrong, and where.
	Message string `json:"message"`
	// Cure says what to do about it; empty if there is nothing to say.
	Cure string `json:"cure,omitempty"`
}

// Error returns the message, and the cure behind a semicolon.
func (e *Error) Error() string {
	if e.Cure == "" {
		return e.Message
	}
	return e.Message + "; " + e.Cure
}

// httpStatus returns the HTTP status that says the same as code.
func httpStatus(code string) int {
	switch code {
	case CodeBadRequest:
		return http.StatusBadRequest
	case CodeNotFound:
		return http.StatusNotFound
	case CodeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeUnauthenticated:
		return http.StatusUnauthorized
	case CodeForbidden:
		return http.StatusForbidden
	case CodeTooMany:
		return http.StatusTooManyRequests
	case CodeUnreachable:
		return http.StatusBadGateway
	case CodeConflict, CodeBadConfiguration:
		return http.StatusConflict
	case CodePrecondition:
		return http.StatusPreconditionFailed
	case CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}
