package mask

import (
	"maps"
	"slices"
	"strings"
)

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

func product(heads, tails []string) []string {
	var all []string
	for _, head := range heads {
		for _, tail := range tails {
			all = append(all, head+tail)
		}
	}
	return all
}

// better returns the set whose shortest text is longer: it occurs in fewer texts.
func better(one, other []string) []string {
	if shortest(other) > shortest(one) {
		return other
	}
	return one
}

func shortest(texts []string) int {
	least := 0
	for i, text := range texts {
		if i == 0 || len(text) < least {
			least = len(text)
		}
	}
	return least
}

// short counts the texts of fewer than three bytes.
func short(texts []string) int {
	count := 0
	for _, text := range texts {
		if len(text) < 3 {
			count++
		}
	}
	return count
}

// beginnings returns the first bytes of each text, without those that another one is a prefix of.
func beginnings(texts []string, length int) []string {
	found := map[string]bool{}
	for _, text := range texts {
		found[text[:min(length, len(text))]] = true
	}
	var least []string
	for _, text := range sorted(found) {
		if n := len(least); n == 0 || !strings.HasPrefix(text, least[n-1]) {
			least = append(least, text)
		}
	}
	return least
}
