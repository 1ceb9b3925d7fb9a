package gateway

import (
	"fmt"
	"math"
	"time"
)

// ParseTTL reads a duration as The Bastion writes them: numbers with the units
// s, m, h, d, w and y (365 days), added up; a number without unit is seconds.
func ParseTTL(s string) (time.Duration, error) {
	invalid := func(why string) (time.Duration, error) {
		return 0, fmt.Errorf("duration %q: %s: %w", clip(s), why, ErrInvalid)
	}
	if s == "" || len(s) > 64 {
		return invalid("want something like 1d7h8m, or seconds")
	}
	const limit = math.MaxInt64 / int64(time.Second)
	var total int64
	for i := 0; i < len(s); {
		start, n := i, int64(0)
		for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			if n = n*10 + int64(s[i]-'0'); n > limit {
				return invalid("too long")
			}
		}
		if i == start {
			return invalid("want a number before each unit")
		}
		scale := int64(1)
		if i < len(s) {
			if scale = ttlUnit(s[i]); scale == 0 {
				return invalid("want the units s, m, h, d, w, y")
			}
			i++
		}
		if n > (limit-total)/scale {
			return invalid("too long")
		}
		total += n * scale
	}
	return time.Duration(total) * time.Second, nil
}

// ttlUnit gives the seconds of a unit, 0 if there is no such unit.
func ttlUnit(c byte) int64 {
	switch c {
	case 's', 'S':
		return 1
	case 'm', 'M':
		return 60
	case 'h', 'H':
		return 3600
	case 'd', 'D':
		return 86400
	case 'w', 'W':
		return 7 * 86400
	case 'y', 'Y':
		return 365 * 86400
	}
	return 0
}
