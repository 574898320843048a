"""OpenTelemetry traces, where the extra `otel` is installed and LEFFA_TRACES is on."""

from leffa.errors import BadParameter


def set_up_traces() -> None:
    """Send spans as the OTEL_EXPORTER_OTLP_* variables say. Raises BadParameter without the extra."""
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise BadParameter(
            "LEFFA_TRACES is on, but OpenTelemetry is not installed.",
            field="LEFFA_TRACES",
            fix="Run `pip install 'leffa[otel]'`, or set LEFFA_TRACES=false.",
        ) from error
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "leffa"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
