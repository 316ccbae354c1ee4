package mask

import (
	"errors"
	"fmt"
	"math/bits"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

const (
	hidden = "****"
	// Short literals are searched for one by one.
	mostShort = 3
	// Of many literals only the first letters are searched for: many have a prefix in common.
	many, longestOfMany = 16, 7
)

// form is one kind of secret: its expression, and what a text must contain for a match to be possible.
type form struct {
	expression *regexp.Regexp
	literals   []string // at least one of them, in any case; empty: not known
	beginning  []string // what each match begins with: fewer texts, which occur more often
	alphabet   [256]bool
	length     int // at least this many consecutive bytes of the alphabet
}

// texts replaces secrets in texts, in the order of the forms, as `redaction` does. Most texts contain none, and most
// forms have no fixed prefix that a search could jump to; so cheap gates come first, with one scan for all literals.
type texts struct {
	forms []form
	scan  scanner
	lost  *tally
}

func newTexts(patterns []string) (*texts, error) {
	t := &texts{lost: &tally{}}
	for _, pattern := range patterns {
		f, err := newForm(pattern)
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if len(t.forms) == 64 {
			return nil, errors.New("more than 64 patterns")
		}
		n := len(t.forms)
		if !t.scan.add(f.literals, n) && !t.scan.add(f.beginning, n) {
			t.scan.always |= 1 << n
		}
		t.forms = append(t.forms, f)
	}
	return t, nil
}

func newForm(pattern string) (form, error) {
	expression, err := regexp.Compile(pattern)
	if err != nil {
		return form{}, err
	}
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return form{}, err
	}
	f := form{expression: expression, literals: need(tree).any()}
	if len(f.literals) > many {
		f.literals = beginnings(f.literals, longestOfMany)
	}
	if short(f.literals) > mostShort {
		f.literals = nil
	}
	if prefix, _ := expression.LiteralPrefix(); prefix != "" {
		f.beginning = literalOf([]rune(prefix)).exact
	}
	f.length = span(tree, &f.alphabet)
	return f, nil
}

// mask returns the text with every secret replaced, and whether there was one.
func (t *texts) mask(text string) (string, bool) {
	possible, changed := t.scan.find(text), false
	for i := range t.forms {
		f := &t.forms[i]
		// A replacement can complete another secret, so after one all remaining forms are tried.
		if !changed && (possible&(1<<i) == 0 || !f.fits(text)) {
			continue
		}
		if f.expression.MatchString(text) {
			text, changed = f.expression.ReplaceAllLiteralString(text, hidden), true
		}
	}
	return text, changed
}

// finds reports whether a text matches one of the forms.
func (t *texts) finds(text string, forms uint64) bool {
	for possible := t.scan.find(text) & forms; possible != 0; possible &= possible - 1 {
		f := &t.forms[bits.TrailingZeros64(possible)]
		if f.fits(text) && f.expression.MatchString(text) {
			return true
		}
	}
	return false
}

// fits reports whether the text has enough consecutive bytes of the alphabet for a match.
func (f *form) fits(text string) bool {
	for start := 0; start+f.length <= len(text); {
		i := start + f.length - 1
		for i >= start && f.alphabet[text[i]] {
			i--
		}
		if i < start {
			return true
		}
		start = i + 1
	}
	return false
}

// mostOfScanner bounds a scanner's tables; the forms of further literals always count as possible.
const mostOfScanner = 256

// scanner finds which of its literals a text contains, in any case, in one pass: a bucket's literals are compared
// only where the first three bytes could be those of one of them.
type scanner struct {
	count   int
	heads   [3][256]uint64 // a bit for every bucket
	buckets [64][]literal
	short   []literal // those of fewer than three bytes
	always  uint64
}

// literal is a text in lower case, and the bits of the forms that it belongs to.
type literal struct {
	text   string
	owners uint64
}

// add returns false if there are no literals, or no room for them.
func (s *scanner) add(literals []string, owner int) bool {
	if len(literals) == 0 || s.count+len(literals) > mostOfScanner {
		return false
	}
	for _, text := range literals {
		l := literal{text, 1 << owner}
		if len(text) < 3 {
			s.short = append(s.short, l)
			continue
		}
		n := s.count % len(s.buckets)
		s.count++
		s.buckets[n] = append(s.buckets[n], l)
		for i := range 3 {
			s.heads[i][text[i]] |= 1 << n
			s.heads[i][upper(text[i])] |= 1 << n
		}
	}
	return true
}

func upper(b byte) byte {
	if b >= 'a' && b <= 'z' {
		return b - 'a' + 'A'
	}
	return b
}

// find returns the forms whose literals the text contains, and those that have no literals.
func (s *scanner) find(text string) uint64 {
	if foreign(text) {
		return ^uint64(0)
	}
	found := s.always
	for _, l := range s.short {
		if contains(text, l.text) {
			found |= l.owners
		}
	}
	for i := 2; i < len(text); i++ {
		hits := s.heads[0][text[i-2]] & s.heads[1][text[i-1]] & s.heads[2][text[i]]
		for ; hits != 0; hits &= hits - 1 {
			for _, l := range s.buckets[bits.TrailingZeros64(hits)] {
				if begins(text[i-2:], l.text) {
					found |= l.owners
				}
			}
		}
	}
	return found
}

// foreign reports whether the text contains one of the two non-ASCII letters that fold to s and k.
func foreign(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return strings.Contains(text, "ſ") || strings.Contains(text, "\u212a")
		}
	}
	return false
}

func contains(text, low string) bool {
	if low == strings.ToUpper(low) {
		return strings.Contains(text, low)
	}
	for i := range len(text) {
		if begins(text[i:], low) {
			return true
		}
	}
	return false
}

func begins(text, low string) bool {
	if len(text) < len(low) {
		return false
	}
	for i := range len(low) {
		if text[i] != low[i] && text[i] != upper(low[i]) {
			return false
		}
	}
	return true
}

// cut truncates a text to at most limit bytes, never within a character.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
