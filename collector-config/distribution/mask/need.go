package mask

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// More literals are not multiplied further.
	mostLiterals = 512
	// A larger character class is not expanded into literals.
	mostOfClass = 8
)

// literals describes an expression's matches by ASCII texts in lower case: each match is one of them (exact), or
// contains at least one of them (within). Both nil: nothing is known.
type literals struct{ exact, within []string }

// need derives the literals from the parsed expression. Operators that are not listed yield nothing, which is safe.
func need(e *syntax.Regexp) literals {
	switch e.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return literals{exact: []string{""}}
	case syntax.OpLiteral:
		return literalOf(e.Rune)
	case syntax.OpCharClass:
		return classOf(e.Rune)
	case syntax.OpCapture:
		return need(e.Sub[0])
	case syntax.OpQuest:
		if sub := need(e.Sub[0]); sub.exact != nil {
			return literals{exact: append([]string{""}, sub.exact...)}
		}
	case syntax.OpPlus:
		return literals{within: need(e.Sub[0]).any()}
	case syntax.OpRepeat:
		if e.Min > 0 {
			return literals{within: need(e.Sub[0]).any()}
		}
	case syntax.OpConcat:
		return sequence(e.Sub)
	case syntax.OpAlternate:
		return choice(e.Sub)
	}
	return literals{}
}

// any returns texts of which every match contains at least one; nil if none are known.
func (l literals) any() []string {
	if l.exact != nil {
		return useful(l.exact)
	}
	return l.within
}

func useful(texts []string) []string {
	for _, text := range texts {
		if text == "" {
			return nil
		}
	}
	return texts
}

func literalOf(runes []rune) literals {
	for _, r := range runes {
		if r >= utf8.RuneSelf {
			return literals{}
		}
	}
	return literals{exact: []string{strings.ToLower(string(runes))}}
}

// classOf expands the ranges. A letter's other cases fold onto it, including non-ASCII ones, which `foreign` finds.
func classOf(ranges []rune) literals {
	found := map[string]bool{}
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i+1]-ranges[i] >= mostOfClass {
			return literals{}
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			low := strings.ToLower(string(r))
			if r == 'ſ' {
				low = "s"
			}
			if len(low) != 1 {
				return literals{}
			}
			found[low] = true
		}
	}
	if len(found) > mostOfClass {
		return literals{}
	}
	return literals{exact: sorted(found)}
}

// sequence multiplies exact texts while they are few, and otherwise keeps the best of what the parts require.
func sequence(parts []*syntax.Regexp) literals {
	current, whole := []string{""}, true
	var best []string
	for _, part := range parts {
		l := need(part)
		if l.exact != nil && len(l.exact)*len(current) <= mostLiterals {
			current = product(current, l.exact)
			continue
		}
		whole = false
		best = better(better(best, useful(current)), l.any())
		current = []string{""}
	}
	if whole {
		return literals{exact: current}
	}
	return literals{within: better(best, useful(current))}
}

func choice(branches []*syntax.Regexp) literals {
	all := map[string]bool{}
	exact := true
	for _, branch := range branches {
		l := need(branch)
		texts := l.exact
		if texts == nil {
			exact = false
		}
		if !exact {
			texts = l.any()
		}
		if texts == nil {
			return literals{}
		}
		for _, text := range texts {
			all[text] = true
		}
	}
	if exact && len(all) <= mostLiterals {
		return literals{exact: sorted(all)}
	}
	return literals{within: useful(sorted(all))}
}

// span collects in alphabet the bytes that a match may consist of, and returns a match's minimum length. A non-ASCII
// character is at least one byte beyond ASCII, so all of those bytes are allowed if one such character is.
func span(e *syntax.Regexp, alphabet *[256]bool) int {
	switch e.Op {
	case syntax.OpLiteral:
		for _, r := range e.Rune {
			allow(alphabet, r, r)
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				allow(alphabet, f, f)
			}
		}
		return len(e.Rune)
	case syntax.OpCharClass:
		for i := 0; i < len(e.Rune); i += 2 {
			allow(alphabet, e.Rune[i], e.Rune[i+1])
		}
		return 1
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		allow(alphabet, 0, utf8.RuneSelf)
		return 1
	}
	return spanOfParts(e, alphabet)
}

func spanOfParts(e *syntax.Regexp, alphabet *[256]bool) int {
	sum, least := 0, -1
	for _, sub := range e.Sub {
		n := span(sub, alphabet)
		sum += n
		if least < 0 || n < least {
			least = n
		}
	}
	switch e.Op {
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
		return sum
	case syntax.OpAlternate:
		return least
	case syntax.OpRepeat:
		return sum * e.Min
	}
	return 0
}

func allow(alphabet *[256]bool, from, to rune) {
	for r := from; r <= to && r < utf8.RuneSelf; r++ {
		alphabet[r] = true
	}
	if to < utf8.RuneSelf {
		return
	}
	for b := utf8.RuneSelf; b < 256; b++ {
		alphabet[b] = true
	}
}
