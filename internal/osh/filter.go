package osh

// FilterOptions are embedded in requests that list things.
type FilterOptions struct {
	Include []string `opt:"include" arg:"PATTERN" help:"only what matches; * and ? are wildcards, a plain word means contains"`
	Exclude []string `opt:"exclude" arg:"PATTERN" help:"not what matches; stronger than --include"`
}

// Filtered is a request with FilterOptions.
type Filtered interface{ Filter() FilterOptions }

// Filter implements Filtered.
func (o *FilterOptions) Filter() FilterOptions { return *o }
