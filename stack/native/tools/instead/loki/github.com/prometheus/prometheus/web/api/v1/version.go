// Package v1 stands, in Loki, for Prometheus' own API, of which Loki uses nothing but a type.
package v1

// PrometheusVersion is how a program describes its build.
type PrometheusVersion struct {
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	Branch    string `json:"branch"`
	BuildUser string `json:"buildUser"`
	BuildDate string `json:"buildDate"`
	GoVersion string `json:"goVersion"`
}
