package openai

import (
	"errors"
	"strconv"

	"vision/internal/fault"
)

// StatusOf is the HTTP status that an error of a kind is answered with.
// Canceled has nobody to read it; 499 is for logs.
func StatusOf(kind fault.Kind) int {
	switch kind {
	case fault.Invalid:
		return 400
	case fault.Unauthenticated:
		return 401
	case fault.Forbidden:
		return 403
	case fault.NotFound:
		return 404
	case fault.TooLarge:
		return 413
	case fault.RateLimited:
		return 429
	case fault.Unavailable:
		return 503
	case fault.Upstream:
		return 502
	case fault.Timeout:
		return 504
	case fault.Canceled:
		return 499
	}
	return 500
}

// typeOf is the error type that OpenAI's clients know for a kind.
func typeOf(kind fault.Kind) string {
	switch kind {
	case fault.Invalid, fault.NotFound, fault.TooLarge:
		return "invalid_request_error"
	case fault.Unauthenticated:
		return "authentication_error"
	case fault.Forbidden:
		return "permission_error"
	case fault.RateLimited:
		return "rate_limit_error"
	case fault.Unavailable:
		return "service_unavailable_error"
	case fault.Upstream:
		return "upstream_error"
	case fault.Timeout:
		return "timeout_error"
	}
	return "server_error"
}

// Shown is what a client is told of err. Of an error without a kind, or of kind
// Internal, that is nothing.
func Shown(err error) fault.Error {
	var e *fault.Error
	if errors.As(err, &e) && e.Kind != fault.Internal {
		return *e
	}
	return fault.Error{Kind: fault.Internal, Code: "internal_error",
		Message: "The server failed to handle the request. Trying again may help."}
}

// QuotaCode is the code, and the type, of an error that says that money has run
// out. Its status is that of limits, but trying again does not help.
const QuotaCode = "insufficient_quota"

// AppendError appends err as clients of OpenAI read errors.
func AppendError(dst []byte, err error) []byte {
	shown := Shown(err)
	dst = append(dst, `{"error":{"message":`...)
	dst = AppendString(dst, shown.Message)
	dst = append(dst, `,"type":"`...)
	if shown.Code == QuotaCode {
		dst = append(dst, QuotaCode...)
	} else {
		dst = append(dst, typeOf(shown.Kind)...)
	}
	dst = append(dst, `","param":`...)
	dst = appendOrNull(dst, shown.Param)
	dst = append(dst, `,"code":`...)
	dst = appendOrNull(dst, shown.Code)
	return append(dst, `}}`...)
}

func appendOrNull(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, `null`...)
	}
	return AppendString(dst, s)
}

// AppendErrorEvent appends err as the last event of a stream that has begun.
func AppendErrorEvent(dst []byte, err error) []byte {
	dst = append(dst, `data: `...)
	dst = AppendError(dst, err)
	return append(dst, "\n\n"...)
}

// RetryAfter is the value for the header of that name, in whole seconds
// rounded up, or "" if err names no time.
func RetryAfter(err error) string {
	var e *fault.Error
	if !errors.As(err, &e) || e.RetryAfter <= 0 {
		return ""
	}
	return strconv.FormatInt(int64((e.RetryAfter+999_999_999)/1_000_000_000), 10)
}
