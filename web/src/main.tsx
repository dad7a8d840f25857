import { createRoot } from "react-dom/client";
import { App } from "./views/App";
import "./styles/tokens.css";
import "./styles/frame.css";
import "./styles/views.css";
import "./styles/narrow.css";

const place = document.getElementById("root");
if (place === null) throw new Error("index.html has no #root");
createRoot(place).render(<App />);
