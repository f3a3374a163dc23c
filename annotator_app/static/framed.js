// The page in another site's frame: only its words need this.

import { loadTexts, translate } from "./texts.js";

await loadTexts();
translate();
