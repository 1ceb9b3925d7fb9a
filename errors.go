package gateway

import "errors"

// Sentinel errors. Test with errors.Is; wrap with what was being done.
var (
	// ErrDenied: policy says no. Tell the person so, and nothing about why or whether the target exists.
	ErrDenied = errors.New("access denied")
	// ErrNotFound: the named object does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the change contradicts the present state; nothing was changed.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: the input is malformed; nothing was changed.
	ErrInvalid = errors.New("invalid")
	// ErrUnavailable: something the gateway needs does not answer; try again later.
	ErrUnavailable = errors.New("unavailable")
	// ErrNoRecord: the recording does not accept events; nothing may be forwarded.
	ErrNoRecord = errors.New("recording refused")
)
