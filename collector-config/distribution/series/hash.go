package series

import (
	"hash/maphash"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// seed differs in each process, so that no sender can choose texts with equal hashes.
var seed = maphash.MakeSeed()

func ofText(text string) uint64 { return maphash.String(seed, text) }

// ofMap returns the same hash for the same attributes in any order.
func ofMap(attributes pcommon.Map) uint64 {
	sum := uint64(attributes.Len())
	for key, value := range attributes.All() {
		sum += mixed(ofText(key), ofText(value.AsString()))
	}
	return sum
}

// mixed returns a hash of two hashes in their order (the finalizer of splitmix64).
func mixed(first, second uint64) uint64 {
	h := first*0x9e3779b97f4a7c15 ^ second
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
