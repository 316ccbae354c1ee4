"""The bundle: rules, dashboards and configuration for another team's service, as one folder."""
