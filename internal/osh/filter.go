package osh

// FilterOptions are embedded in requests that list things.
type FilterOptions struct {
	Include []string `opt:"include" arg:"PATTERN" help:"only what matches; * and ? are wildcards, a plain word means contains"`
	Exclude []string `opt:"exclude" arg:"PATTERN" help:"not what matches; stronger than --include"`
	Limit   int      `opt:"limit" arg:"N" help:"a page of at most N entries"`
	Offset  int      `opt:"offset" arg:"N" help:"leave the first N entries out"`
}

// Filtered is a request with FilterOptions.
type Filtered interface{ Filter() FilterOptions }

// Filter implements Filtered.
func (o *FilterOptions) Filter() FilterOptions { return *o }
