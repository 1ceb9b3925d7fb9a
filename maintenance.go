package gateway

import "time"

// Maintenance says that the gateway takes nobody but administrators.
type Maintenance struct {
	By      string    `json:"by"`
	Message string    `json:"message"` // for those who are refused; may be empty
	At      time.Time `json:"at"`
}
