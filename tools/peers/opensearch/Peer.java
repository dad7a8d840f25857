import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One node of OpenSearch on the loopback, until standard input ends: FOLDER HTTP-PORT TRANSPORT-PORT. */
public class Peer {
    public static void main(String[] arguments) throws Exception {
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("network.host", "127.0.0.1");
            settings.put("http.port", arguments[1]);
            settings.put("transport.port", arguments[2]);
            settings.put("discovery.type", "single-node");
            // A disk that is nearly full by other things must not make indices read-only.
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        }).build(OpenSearchRunner.newConfigs()
                .basePath(arguments[0])
                .clusterName("peer")
                .numOfNode(1)
                .disableESLogger());
        System.out.println("ready");
        while (System.in.read() >= 0) {
            // until the one who started it is gone
        }
        runner.close();
    }
}
