"""The dashboards without Grafana: reads its JSON, asks the stack's stores, draws what our boards have."""
