package osh

import (
	"io"
	"strings"
	"unicode/utf8"

	"gateway"
)

// writeTable writes rows in columns, the first row being the heading. The last
// column may be of any length.
func writeTable(w io.Writer, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i := range row {
			row[i] = gateway.Printable(row[i])
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for i, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		s := normal
		if i == 0 {
			s = heading
		}
		writeHeading(w, s, strings.TrimRight(line.String(), " "))
	}
}
