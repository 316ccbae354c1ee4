package mask

import (
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"unicode"

	"go.opentelemetry.io/collector/confmap/confmaptest"
)

// written loads the processor's configuration as the project ships it.
func written(t testing.TB) *Config {
	t.Helper()
	file, err := confmaptest.LoadConf("../../mask.yaml")
	if err != nil {
		t.Fatal(err)
	}
	part, err := file.Sub("processors::mask")
	if err != nil {
		t.Fatal(err)
	}
	c := &Config{}
	if err := part.Unmarshal(c); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// ungated does what `redaction` does with a text.
func ungated(t *texts, text string) string {
	for i := range t.forms {
		if e := t.forms[i].expression; e.MatchString(text) {
			text = e.ReplaceAllStringFunc(text, func(string) string { return hidden })
		}
	}
	return text
}

func compare(t *testing.T, masks *texts, text string) bool {
	t.Helper()
	masked, changed := masks.mask(text)
	if want := ungated(masks, text); masked != want || changed != (want != text) && want != text {
		t.Fatalf("%q: %q and not %q", text, masked, want)
	}
	return changed
}

// match writes a text that the expression matches, ignoring word boundaries and anchors.
func match(e *syntax.Regexp, r *rand.Rand, out *strings.Builder) {
	switch e.Op {
	case syntax.OpLiteral:
		for _, c := range e.Rune {
			if e.Flags&syntax.FoldCase != 0 {
				for range r.IntN(4) {
					c = unicode.SimpleFold(c)
				}
			}
			out.WriteRune(c)
		}
	case syntax.OpCharClass:
		i := r.IntN(len(e.Rune)/2) * 2
		out.WriteRune(e.Rune[i] + r.Int32N(min(e.Rune[i+1]-e.Rune[i], 200)+1))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out.WriteByte(byte(' ' + r.IntN(90)))
	case syntax.OpAlternate:
		match(e.Sub[r.IntN(len(e.Sub))], r, out)
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range e.Sub {
			match(sub, r, out)
		}
	default:
		repeat(e, r, out)
	}
}

func repeat(e *syntax.Regexp, r *rand.Rand, out *strings.Builder) {
	least, most := 0, 0
	switch e.Op {
	case syntax.OpStar:
		most = 3
	case syntax.OpPlus:
		least, most = 1, 4
	case syntax.OpQuest:
		most = 1
	case syntax.OpRepeat:
		least, most = e.Min, max(e.Max, e.Min+2)
		if e.Max > 0 {
			most = e.Max
		}
	}
	for range least + r.IntN(most-least+1) {
		match(e.Sub[0], r, out)
	}
}

var surroundings = []string{"", "", " ", "a", "7", "\n", "ä", "ſ", "=", "\"", "@", "****", "\xff", "://", "+4", "K"}

func TestNoGateHidesASecret(t *testing.T) {
	patterns := written(t).BlockedValues
	masks, err := newTexts(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for n, pattern := range patterns {
		tree, _ := syntax.Parse(pattern, syntax.Perl)
		r, found := rand.New(rand.NewPCG(uint64(n), 1)), 0
		for range 20_000 {
			var text strings.Builder
			text.WriteString(surroundings[r.IntN(len(surroundings))])
			match(tree, r, &text)
			text.WriteString(surroundings[r.IntN(len(surroundings))])
			if compare(t, masks, text.String()) {
				found++
			}
		}
		if found < 4_000 {
			t.Errorf("%.40s was found only %d times", pattern, found)
		}
	}
}

func TestGatesAreRightForAnyExpression(t *testing.T) {
	patterns := []string{
		`a|bcd`, `(?i)kiss`, `(?i)[k]ey|(?i)[s]ecret`, `(?:ab)?`, `x*`, `(abc){2}`, `(abc){0,2}z`, `^\bfoo$`, `.+`, `(?s).`,
		`[äb]c`, `ß|ss`, `(?i)ß`, `[^a]bc`, `a{3}`, `(?:a|)(?:b|c)d`, `\pL\d`, `(?i)(?:one|two|three)\s?four`, `K`, `[ſ]a`,
	}
	alphabet := []rune("abcdefkKs SſKäßxyzonetwrhfu1 \n")
	for n, pattern := range patterns {
		masks, err := newTexts([]string{pattern})
		if err != nil {
			t.Fatal(err)
		}
		tree, _ := syntax.Parse(pattern, syntax.Perl)
		r := rand.New(rand.NewPCG(uint64(n), 2))
		for range 5_000 {
			var text strings.Builder
			for range r.IntN(6) {
				text.WriteRune(alphabet[r.IntN(len(alphabet))])
			}
			compare(t, masks, text.String())
			match(tree, r, &text)
			compare(t, masks, text.String())
		}
	}
}

func TestEveryFormButRunsOfCharactersHasLiterals(t *testing.T) {
	masks, err := newTexts(written(t).BlockedValues)
	if err != nil {
		t.Fatal(err)
	}
	var bare []string
	for n, f := range masks.forms {
		if masks.scan.always&(1<<n) != 0 {
			bare = append(bare, f.expression.String())
			if f.length < 12 {
				t.Errorf("%.40s: a run of %d lets most texts through", f.expression, f.length)
			}
		}
	}
	// Cards, accounts, base64 and lines of PEM blocks.
	if len(bare) != 4 {
		t.Errorf("%d are without literals: %.40q", len(bare), bare)
	}
}

func TestMoreLiteralsThanTheScannerHoldsStillMaskCorrectly(t *testing.T) {
	var patterns []string
	for i := range 60 {
		patterns = append(patterns, "(?:secret|token)"+strings.Repeat("x", i)+"y")
	}
	masks, err := newTexts(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		if !compare(t, masks, "a TOKEN, tokens, a secret"+strings.Repeat("x", i)+"y") {
			t.Errorf("%d is not found", i)
		}
	}
	if _, err := newTexts(slices.Repeat([]string{"a"}, 65)); err == nil {
		t.Error("65 patterns are accepted")
	}
}

func TestAKeyIsJudgedAsItsPatternsSay(t *testing.T) {
	patterns := []string{`(?i)(^|[._-])token$`}
	k, err := newKeys(`[^\w./:-]`, patterns)
	if err != nil {
		t.Fatal(err)
	}
	for i := range remembered + 100 {
		k.judge("key." + strings.Repeat("x", i%90) + string(rune('a'+i%26)) + strings.Repeat("y", i/90))
	}
	if n := len(*k.known.Load()); n > remembered {
		t.Errorf("%d keys are remembered", n)
	}
	for key, want := range map[string]verdict{
		"a.TOKEN": hide, "tokens": keep, "a b": drop, "a@b.token": drop, "ä": drop, "": keep, "\xff": drop,
	} {
		for range 2 {
			if got := k.judge(key); got != want {
				t.Errorf("%q: %d", key, got)
			}
		}
	}
	if !k.hides("a@b.token") {
		t.Error("an invalid key that matches a secret pattern does not hide its value")
	}
}

func FuzzGates(f *testing.F) {
	masks, err := newTexts(written(f).BlockedValues)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"anna%40example.org", "paſſword=1", "4111 1111 1111 1111", "DE44500105175407324931", "+49 151 23456789"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { compare(t, masks, text) })
}
